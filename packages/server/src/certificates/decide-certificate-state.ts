export type CertificateState = 'in force' | 'not yet valid' | 'expired' | 'revoked';

/** Where a registered certificate is in its life. A pause passes, so it is no state. */
export function decideCertificateState(
  {
    revokedAt,
    notBefore,
    notAfter,
  }: { readonly revokedAt: Date | null; readonly notBefore: Date; readonly notAfter: Date },
  now: number,
): CertificateState {
  if (revokedAt !== null) return 'revoked';
  if (now >= notAfter.getTime()) return 'expired';
  return now < notBefore.getTime() ? 'not yet valid' : 'in force';
}
