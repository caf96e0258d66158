// Whether the certificate of a connection may act for a client (RFC 8705 section 2, registered certificates). Identity is
// the exact SHA-256 of a certificate registered to this very client. What TLS thinks of the chain is never asked: a
// resumed session is not verified again, and the listener accepts any certificate so that a refusal can be an answer.

import type { RefusalCode } from '@tollward/protocol';

/** A certificate registered to a client, as its row says. */
export interface RegisteredCertificate {
  readonly id: string;
  readonly name: string;
  /** Base64url SHA-256. */
  readonly thumbprint: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly revokedAt: number | null;
  /** Until this moment it counts as revoked, and afterwards as before (a brown-out). */
  readonly pausedUntil: number | null;
}

export type PeerVerdict =
  | { readonly accepted: true; readonly certificate: RegisteredCertificate }
  | {
      readonly accepted: false;
      readonly code: RefusalCode;
      readonly seen: string;
      readonly parameters: Readonly<Record<string, string>>;
    };

/** Judges a certificate that a client has registered, at the moment `now`. */
export function decideRegisteredCertificate(certificate: RegisteredCertificate, now: number): PeerVerdict {
  const { id, revokedAt, pausedUntil, notBefore, notAfter } = certificate;
  if (revokedAt !== null) {
    const at = new Date(revokedAt).toISOString();
    return {
      accepted: false,
      code: 'certificate_revoked',
      seen: `certificate ${id}, revoked at ${at}`,
      parameters: { revokedAt: at },
    };
  }
  if (pausedUntil !== null && now < pausedUntil) {
    const until = new Date(pausedUntil).toISOString();
    return {
      accepted: false,
      code: 'certificate_paused',
      seen: `certificate ${id}, paused until ${until}`,
      parameters: { pausedUntil: until },
    };
  }
  if (now < notBefore) {
    const at = new Date(notBefore).toISOString();
    return {
      accepted: false,
      code: 'certificate_not_yet_valid',
      seen: `certificate ${id}, not valid before ${at}`,
      parameters: { notBefore: at },
    };
  }
  if (now >= notAfter) {
    const at = new Date(notAfter).toISOString();
    return {
      accepted: false,
      code: 'certificate_expired',
      seen: `certificate ${id}, expired at ${at}`,
      parameters: { notAfter: at },
    };
  }
  return { accepted: true, certificate };
}
