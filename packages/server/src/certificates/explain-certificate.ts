// Explains what somebody pasted: a certificate, check by check, or a certificate request. For people, so every "no" says what to
// do next.

import type { Environment, RefusalCode } from '@tollward/protocol';
import { describePaste } from '@tollward/protocol/pem';
import { type CertificateFacts, readCertificateFacts } from './certificate-facts.js';
import type { CertificateOrigin, CertificateSummary } from './certificate-store.js';
import { findUploadFault, findUsageFault, uploadRemedies } from './certificate-upload.js';
import { decideRegisteredCertificate, type RegisteredCertificate } from './decide-peer.js';
import { explainRequest } from './explain-request.js';

export interface InspectionCheck {
  readonly name:
    | 'readable'
    | 'key'
    | 'purpose'
    | 'validity'
    | 'registered'
    | 'client in force'
    | 'not revoked'
    | 'upload'
    | 'request';
  readonly ok: boolean;
  readonly detail: string;
}

export interface InspectedFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly alternativeNames: string;
  readonly serialNumber: string;
  readonly keyType: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SHA-256 of the encoding, in hex. */
  readonly sha256: string;
  /** The same in base64url: `x5t#S256` of RFC 8705. */
  readonly thumbprint: string;
  /** Object identifiers; empty when there is no such extension. */
  readonly extendedKeyUsage: readonly string[];
  readonly selfSigned: boolean;
  readonly authority: boolean;
}

interface Verdict {
  readonly checks: readonly InspectionCheck[];
  /** Whether the token endpoint would accept the certificate now; of a request, whether it would be signed. */
  readonly accepted: boolean;
  readonly verdict: string;
  readonly remedy?: string;
}

/** What becomes of the certificate at the client that has it in one environment. */
export interface InspectedRegistration extends Verdict {
  readonly certificateId: string;
  readonly clientId: string;
  readonly name: string;
  readonly environment: Environment;
  readonly origin: CertificateOrigin;
}

/** With several registrations it is accepted when one of them is, and its texts are those of all. */
export interface CertificateInspection extends Verdict {
  readonly kind: 'certificate' | 'certificate-request' | 'other';
  /** Of a certificate. */
  readonly facts?: InspectedFacts;
  /** Of a certificate request. */
  readonly request?: { readonly subject: string; readonly keyType: string };
  readonly registrations: readonly InspectedRegistration[];
}

/** A registered certificate, and when its client was revoked. */
export interface RegisteredRow extends CertificateSummary {
  readonly clientRevokedAt: Date | null;
}

export interface InspectionQuestion {
  /** Finds the rows of a certificate. Left out: nobody is asked whether it is registered. */
  readonly lookUp?: (sha256: Buffer) => Promise<readonly RegisteredRow[]>;
  /** Judge it for this client; left out: for any. */
  readonly clientId?: string | undefined;
  readonly now: number;
}

/** Never throws, unless `lookUp` does. */
export async function explainCertificate(
  input: string | Uint8Array,
  question: InspectionQuestion,
): Promise<CertificateInspection> {
  const described = describePaste(input);
  switch (described.kind) {
    case 'certificate':
      return explainChain([described.der], question);
    case 'chain':
      return explainChain(described.ders, question);
    case 'certificate-request':
      return explainRequest(Buffer.from(described.der));
    case 'problem':
      return {
        kind: 'other',
        registrations: [],
        checks: [{ name: 'readable', ok: false, detail: described.problem }],
        accepted: false,
        verdict: 'This is neither a certificate nor a certificate request that can be read.',
        remedy: described.remedy,
      };
  }
}

/** Of a chain the first certificate is the one that its owner is known by. */
async function explainChain(ders: readonly Uint8Array[], question: InspectionQuestion): Promise<CertificateInspection> {
  const { lookUp, clientId, now } = question;
  const facts = readCertificateFacts(Buffer.from(ders[0] ?? []));
  if (!facts.readable) {
    return {
      kind: 'other',
      registrations: [],
      checks: [{ name: 'readable', ok: false, detail: 'not-readable' }],
      accepted: false,
      verdict: 'This says that it is a certificate, and can not be read as one.',
      remedy: uploadRemedies['not-readable'],
    };
  }
  const seen = {
    kind: 'certificate',
    facts: toInspectedFacts(facts),
    checks: [
      {
        name: 'readable',
        ok: true,
        detail: ders.length === 1 ? 'one certificate' : describeChain(ders),
      },
      { name: 'key', ok: facts.keyAccepted, detail: facts.keyType },
      { name: 'purpose', ok: findUsageFault(facts) === undefined, detail: describeUsage(facts) },
      checkValidity(facts, now),
    ],
  } as const;
  const rows = (await lookUp?.(facts.sha256)) ?? [];
  const registrations = rowsThatCount(rows, clientId).map((row) => explainRegistration(row, question));
  if (registrations.length === 0) return explainStranger(seen, facts, question);
  const remedies = new Set(registrations.flatMap(({ remedy }) => remedy ?? []));
  return {
    ...seen,
    registrations,
    accepted: registrations.some(({ accepted }) => accepted),
    verdict: registrations.map(({ verdict }) => verdict).join(' '),
    ...(remedies.size > 0 && { remedy: [...remedies].join(' ') }),
  };
}

/** For a client its own, or those that keep the certificate from it. What others had revoked is free again. */
function rowsThatCount(rows: readonly RegisteredRow[], clientId: string | undefined): readonly RegisteredRow[] {
  if (clientId === undefined) return rows;
  const own = rows.filter((row) => row.clientId === clientId);
  return own.length > 0 ? own : rows.filter(({ revokedAt }) => revokedAt === null);
}

type Seen = Pick<CertificateInspection, 'kind' | 'facts' | 'checks'>;

function explainStranger(
  seen: Seen,
  facts: CertificateFacts,
  { lookUp, clientId, now }: InspectionQuestion,
): CertificateInspection {
  const fault = findUploadFault(facts, clientId, now);
  const upload = { name: 'upload', ok: fault === undefined, detail: fault ?? 'can be registered as it is' } as const;
  const remedy = fault === undefined ? 'Upload it for the client that is to use it.' : uploadRemedies[fault];
  const can = fault === undefined ? 'can be registered' : 'can not be registered';
  if (lookUp === undefined) {
    const verdict = `It ${can}; whether it is registered already was not looked up.`;
    const checks = [...seen.checks, upload];
    return { ...seen, registrations: [], checks, accepted: fault === undefined, verdict, remedy };
  }
  const registered = { name: 'registered', ok: false, detail: 'to no client' } as const;
  return {
    ...seen,
    registrations: [],
    checks: [...seen.checks, registered, upload],
    accepted: false,
    verdict: `It would be refused, because it is registered to no client; it ${can}.`,
    remedy,
  };
}

const refusedRemedies: Partial<Record<RefusalCode, string>> = {
  client_revoked: 'A revoked client stays revoked: make a new one ("tollward clients create").',
  certificate_revoked: 'A revocation is final: make a new key, and register a certificate of it.',
  certificate_paused: 'Show another certificate until the pause is over, or end the pause.',
  certificate_not_yet_valid: 'Show the certificate that is valid now until then.',
  certificate_expired: 'Register a new certificate and show that.',
};

function explainRegistration(row: RegisteredRow, { clientId, now }: InspectionQuestion): InspectedRegistration {
  const { id: certificateId, name, environment, origin, clientRevokedAt } = row;
  const owner = `client ${row.clientId} of ${environment}`;
  const isOwners = clientId === undefined || clientId === row.clientId;
  const certificate = decideRegisteredCertificate(toRegisteredCertificate(row), now);
  const isOut = !certificate.accepted && ['certificate_revoked', 'certificate_paused'].includes(certificate.code);
  const clientEnd = clientRevokedAt && `client ${row.clientId}, revoked at ${clientRevokedAt.toISOString()}`;
  const verdict =
    clientEnd === null ? certificate : ({ accepted: false, code: 'client_revoked', seen: clientEnd } as const);
  const base = {
    ...{ certificateId, clientId: row.clientId, name, environment, origin },
    checks: [
      { name: 'registered', ok: isOwners, detail: `to ${owner}, as "${name}"` },
      { name: 'client in force', ok: clientEnd === null, detail: clientEnd ?? 'not revoked' },
      { name: 'not revoked', ok: !isOut, detail: isOut ? certificate.seen : 'neither revoked nor paused' },
    ],
  } as const;
  if (!isOwners) {
    return {
      ...base,
      accepted: false,
      verdict: `It would be refused for client ${clientId}, because it is registered to ${owner}.`,
      remedy: 'Use it with the credentials of that client, or register another certificate to this one.',
    };
  }
  if (verdict.accepted) return { ...base, accepted: true, verdict: `It would be accepted for ${owner}.` };
  const remedy = refusedRemedies[verdict.code];
  return {
    ...base,
    accepted: false,
    verdict: `It would be refused for ${owner} with ${verdict.code}: ${verdict.seen}.`,
    ...(remedy !== undefined && { remedy }),
  };
}

function describeChain(ders: readonly Uint8Array[]): string {
  const subjects = ders.slice(1).map((der) => `"${readCertificateFacts(Buffer.from(der)).subject}"`);
  return `the first of ${ders.length} certificates; behind it ${subjects.join(', ')}`;
}

function checkValidity({ notBefore, notAfter }: CertificateFacts, now: number): InspectionCheck {
  const period = `${new Date(notBefore).toISOString()} to ${new Date(notAfter).toISOString()}`;
  if (now < notBefore) return { name: 'validity', ok: false, detail: `not yet: ${period}` };
  if (now >= notAfter) return { name: 'validity', ok: false, detail: `over: ${period}` };
  return { name: 'validity', ok: true, detail: period };
}

/** RFC 5280 section 4.2.1.12. */
const usageNames: Readonly<Record<string, string>> = {
  '2.5.29.37.0': 'anyExtendedKeyUsage',
  '1.3.6.1.5.5.7.3.1': 'serverAuth',
  '1.3.6.1.5.5.7.3.2': 'clientAuth',
  '1.3.6.1.5.5.7.3.3': 'codeSigning',
  '1.3.6.1.5.5.7.3.4': 'emailProtection',
  '1.3.6.1.5.5.7.3.8': 'timeStamping',
  '1.3.6.1.5.5.7.3.9': 'OCSPSigning',
};

function describeUsage({ extendedKeyUsage }: CertificateFacts): string {
  if (extendedKeyUsage.length === 0) return 'no extended key usage, so any';
  return extendedKeyUsage.map((id) => usageNames[id] ?? id).join(', ');
}

function toInspectedFacts(facts: CertificateFacts): InspectedFacts {
  const { subject, issuer, alternativeNames, serialNumber, keyType, thumbprint, extendedKeyUsage } = facts;
  return {
    ...{ subject, issuer, alternativeNames, serialNumber, keyType, thumbprint, extendedKeyUsage },
    notBefore: new Date(facts.notBefore),
    notAfter: new Date(facts.notAfter),
    sha256: facts.sha256.toString('hex'),
    selfSigned: facts.isSelfSigned,
    authority: facts.isAuthority,
  };
}

function toRegisteredCertificate(row: CertificateSummary): RegisteredCertificate {
  return {
    id: row.id,
    name: row.name,
    thumbprint: Buffer.from(row.sha256, 'hex').toString('base64url'),
    notBefore: row.notBefore.getTime(),
    notAfter: row.notAfter.getTime(),
    revokedAt: row.revokedAt?.getTime() ?? null,
    pausedUntil: row.pausedUntil?.getTime() ?? null,
  };
}
