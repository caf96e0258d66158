import type { RefusalCode } from '@tollward/protocol';
import type { ClientFacts } from '../clients/index.js';
import type { TokenClaims } from './sealed-token.js';

export type StandingVerdict =
  | { readonly inForce: true; readonly client: ClientFacts }
  | {
      readonly inForce: false;
      readonly code: Extract<RefusalCode, 'token_revoked' | 'certificate_revoked' | 'secret_paused'>;
      /** For the caller. */
      readonly problem: string;
      /** For the operator. */
      readonly seen: string;
      readonly parameters: Readonly<Record<string, string>>;
      /** The secret or certificate that is the reason. */
      readonly credentialId?: string;
    };

/**
 * Judges the authorities a token stands on by the facts of its client. The clock is asked for the end of a pause only: a
 * revocation counts from the moment it is known, whatever the clock of the node says that recorded it.
 */
export function decideStanding(claims: TokenClaims, client: ClientFacts | undefined, now: number): StandingVerdict {
  if (client === undefined) return ended('its client is gone', `client ${claims.clientId}, unknown`);
  if (client.revokedAt !== null) {
    return ended(
      'its client was revoked',
      `client ${client.id}, revoked at ${new Date(client.revokedAt).toISOString()}`,
    );
  }
  if (claims.clientGeneration !== client.generation) {
    return ended(
      'older tokens of this client were ended',
      `client generation ${claims.clientGeneration}, now ${client.generation}`,
    );
  }
  if (claims.organisationGeneration !== client.organisationGeneration) {
    return ended(
      'older tokens of this organisation were ended',
      `organisation generation ${claims.organisationGeneration}, now ${client.organisationGeneration}`,
    );
  }
  if (client.revokedTokens.has(claims.tokenId))
    return ended('its client or an operator ended it', `token ${claims.tokenId}, revoked alone`);
  const secret = client.secrets.find(({ id }) => id === claims.secretId);
  if (secret === undefined) return ended('its client secret is gone', `secret ${claims.secretId}, unknown`);
  if (secret.revokedAt !== null) {
    return ended(
      'its client secret was revoked',
      `secret ${secret.id}, revoked at ${new Date(secret.revokedAt).toISOString()}`,
      secret.id,
    );
  }
  if (secret.pausedUntil !== null && now < secret.pausedUntil) {
    const pausedUntil = new Date(secret.pausedUntil).toISOString();
    return {
      inForce: false,
      code: 'secret_paused',
      problem: 'its client secret is paused',
      seen: `secret ${secret.id}, paused until ${pausedUntil}`,
      parameters: { pausedUntil },
      credentialId: secret.id,
    };
  }
  return claims.binding === null ? { inForce: true, client } : decideCertificate(claims.binding, client);
}

function decideCertificate(binding: NonNullable<TokenClaims['binding']>, client: ClientFacts): StandingVerdict {
  const certificate = client.certificates.get(binding.thumbprint);
  if (certificate === undefined)
    return ended('its certificate is gone', `certificate ${binding.certificateId}, unknown`);
  if (certificate.revokedAt === null) return { inForce: true, client };
  const revokedAt = new Date(certificate.revokedAt).toISOString();
  return {
    inForce: false,
    code: 'certificate_revoked',
    problem: 'its certificate was revoked',
    seen: `certificate ${certificate.id}, revoked at ${revokedAt}`,
    parameters: { revokedAt },
    credentialId: certificate.id,
  };
}

function ended(problem: string, seen: string, credentialId?: string): StandingVerdict {
  const reason = credentialId === undefined ? {} : { credentialId };
  return { inForce: false, code: 'token_revoked', problem, seen, parameters: {}, ...reason };
}
