// Whether a client may have one more certificate, and this one.

/** A registered certificate as this decision needs it. */
export interface Registered {
  readonly name: string;
  /** Hex. */
  readonly sha256: string;
  readonly notAfter: Date;
  readonly revokedAt: Date | null;
}

export type RegistrationProblem =
  | 'too-many'
  | 'name-taken'
  /** By the sha256: this client has it, another one has it in force, or this client had it and it was revoked. */
  | 'registered'
  | 'registered-elsewhere'
  | 'registered-and-revoked';

/** Active are those neither revoked nor expired, a successor that is not valid yet included. */
export const mostActiveCertificates = 10;

export function decideRegistration({
  name,
  sha256,
  ofClient,
  isTaken,
  now,
}: {
  readonly name: string;
  readonly sha256: string;
  readonly ofClient: readonly Registered[];
  /** Whether any client has this very certificate, not revoked. */
  readonly isTaken: boolean;
  readonly now: number;
}): RegistrationProblem | undefined {
  const own = ofClient.find((certificate) => certificate.sha256 === sha256);
  if (own !== undefined) return own.revokedAt === null ? 'registered' : 'registered-and-revoked';
  if (isTaken) return 'registered-elsewhere';
  if (ofClient.some((certificate) => certificate.name === name)) return 'name-taken';
  const active = ofClient.filter(({ revokedAt, notAfter }) => revokedAt === null && notAfter.getTime() > now);
  return active.length >= mostActiveCertificates ? 'too-many' : undefined;
}
