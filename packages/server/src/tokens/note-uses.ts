import type { ProvedClient } from '../clients/index.js';
import type { UsageRecorder } from '../usage/index.js';
import type { ClientRequest } from './prove-client.js';
import type { CertificateBinding } from './sealed-token.js';

/** The request was admitted by both its secret and its certificate, so both were used. */
export function noteUses(
  { client, secretId }: ProvedClient,
  binding: CertificateBinding | null,
  { environment, address, now }: ClientRequest,
  usage: UsageRecorder,
  tokensUntil?: number,
): void {
  const clientId = client.id;
  const certificateId = binding?.certificateId ?? null;
  usage.used({ environment, clientId, credentialId: secretId, certificateId, address }, now, tokensUntil);
  if (certificateId !== null) {
    usage.used({ environment, clientId, credentialId: certificateId, certificateId, address }, now);
  }
}
