import type { Peer } from '../certificates/index.js';
import type { UsageRecorder, Use } from '../usage/index.js';
import type { ClientFacts } from './client-facts.js';

/** Who used what, as far as it is proved: the certificate of the connection counts if it is registered to the client. */
export interface ProvedUse {
  readonly client: ClientFacts;
  /** Null at a call, where the token was used and not the secret. */
  readonly secretId: string | null;
  readonly peer: Peer | 'not-asked';
  readonly address: string;
}

/** A request with proved credentials was refused, for whatever reason: whoever sent it still depends on them. */
export function noteRefusedUse(
  { client, secretId, peer, address }: ProvedUse,
  now: number,
  usage: UsageRecorder,
): void {
  const certificate = peer === null || peer === 'not-asked' ? undefined : client.certificates.get(peer.thumbprint);
  const certificateId = certificate?.id ?? null;
  const use = (credentialId: string): Use => ({
    environment: client.environment,
    clientId: client.id,
    credentialId,
    certificateId,
    address,
  });
  if (secretId !== null) usage.refused(use(secretId), now);
  if (certificateId !== null) usage.refused(use(certificateId), now);
}
