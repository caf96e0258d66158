import type { Environment } from '@tollward/protocol';
import {
  type CertificateState,
  type CertificateSummary,
  decideCertificateState,
  findCertificate,
  listCertificateSummaries,
} from '../certificates/index.js';
import type { Database } from '../platform/database/database.js';
import {
  decideRetirement,
  listUses,
  summariseUses,
  type UsageRecorder,
  type UsesOfCredential,
  usesKnownSince,
  writeUsesIfPossible,
} from '../usage/index.js';
import { type ClientSummary, listClientSummaries } from './client-store.js';
import { decideSecretState, type SecretState } from './decide-secret-rotation.js';
import { endsOf, listSecrets, type StoredSecret } from './secret-store.js';

/** What speaks for and against taking a credential out of use. */
export interface Retirement {
  /** From when on, if nobody uses it until then; null: now, or it is out of use already. */
  readonly safeFrom: Date | null;
  /** The client has one that was made later and is in force, so it can do without this one. */
  readonly hasSuccessor: boolean;
}

export interface SecretDetails extends StoredSecret, UsesOfCredential {
  readonly state: SecretState;
  readonly retirement: Retirement;
}

export interface CertificateDetails extends CertificateSummary, UsesOfCredential {
  readonly state: CertificateState;
  readonly retirement: Retirement;
}

export interface ClientDetails extends ClientSummary {
  readonly secrets: readonly SecretDetails[];
  readonly certificates: readonly CertificateDetails[];
}

/** How the uses of a credential are judged: at this moment, and unused for so long before. */
export interface Judged {
  readonly now: number;
  readonly quietSeconds: number;
}

export interface ShowDependencies {
  readonly database: Database;
  readonly usage: UsageRecorder;
}

export async function listClients(
  database: Database,
  environment: Environment | undefined,
): Promise<readonly ClientSummary[]> {
  return database.read((tx) => listClientSummaries(tx, { environment }));
}

/** One client with its secrets (never their values), its certificates and who uses them. Undefined when there is none of that id. */
export async function showClient(
  clientId: string,
  judged: Judged,
  { database, usage }: ShowDependencies,
): Promise<ClientDetails | undefined> {
  await writeUsesIfPossible(usage);
  return database.read(async (tx) => {
    const [client] = await listClientSummaries(tx, { clientId });
    if (client === undefined) return undefined;
    const { environment } = client;
    const uses = await listUses(tx, environment, clientId);
    const secrets = await listSecrets(tx, environment, clientId);
    const certificates = await listCertificateSummaries(tx, { environment, clientId });
    const judge = judgeBy(judged, usage);
    return {
      ...client,
      secrets: secrets.map((secret) => judge.secret(secret, secrets, summariseUses(uses, secret.id))),
      certificates: certificates.map((each) => judge.certificate(each, certificates, summariseUses(uses, each.id))),
    };
  });
}

/** One certificate with its encoding and who uses it. Undefined when there is none of that id. */
export async function showCertificate(
  certificateId: string,
  judged: Judged,
  { database, usage }: ShowDependencies,
): Promise<{ readonly certificate: CertificateDetails; readonly pem: string } | undefined> {
  await writeUsesIfPossible(usage);
  return database.read(async (tx) => {
    const found = await findCertificate(tx, certificateId);
    if (found === undefined) return undefined;
    const { pem, ...certificate } = found;
    const { environment, clientId } = certificate;
    const uses = summariseUses(await listUses(tx, environment, clientId), certificateId);
    const ofClient = await listCertificateSummaries(tx, { environment, clientId });
    return { certificate: judgeBy(judged, usage).certificate(certificate, ofClient, uses), pem };
  });
}

function judgeBy({ now, quietSeconds }: Judged, usage: UsageRecorder) {
  const secretState = (secret: StoredSecret): SecretState => decideSecretState(endsOf(secret), now);

  /** By requests with the credential itself: the tokens that a replaced secret got run out without a failure. */
  const safeFrom = (credential: { readonly usesCountedSince: Date }, { lastTriedAt }: UsesOfCredential) => {
    const knownSince = usesKnownSince(credential, usage);
    const seen = { lastTriedAt: Math.max(lastTriedAt?.getTime() ?? 0, knownSince), neededUntil: null };
    const time = decideRetirement(seen, quietSeconds * 1_000, now);
    return time === null ? null : new Date(time);
  };

  return {
    secret: (secret: StoredSecret, ofClient: readonly StoredSecret[], uses: UsesOfCredential): SecretDetails => {
      const state = secretState(secret);
      const isOver = state === 'replaced' || state === 'revoked';
      const hasSuccessor = ofClient.some((other) => isLater(other, secret) && secretState(other) === 'in force');
      const retirement = { safeFrom: isOver ? null : safeFrom(secret, uses), hasSuccessor };
      return { ...secret, ...uses, state, retirement };
    },
    certificate: (
      certificate: CertificateSummary,
      ofClient: readonly CertificateSummary[],
      uses: UsesOfCredential,
    ): CertificateDetails => {
      const state = decideCertificateState(certificate, now);
      const isOver = state === 'expired' || state === 'revoked';
      const hasSuccessor = ofClient.some(
        (other) => isLater(other, certificate) && decideCertificateState(other, now) === 'in force',
      );
      const retirement = { safeFrom: isOver ? null : safeFrom(certificate, uses), hasSuccessor };
      return { ...certificate, ...uses, state, retirement };
    },
  };
}

interface Made {
  readonly id: string;
  readonly createdAt: Date;
}

/** Ids begin with the time, which orders what was made in the same millisecond by chance, but always alike. */
function isLater(other: Made, one: Made): boolean {
  return (
    other.createdAt > one.createdAt || (other.createdAt.getTime() === one.createdAt.getTime() && other.id > one.id)
  );
}
