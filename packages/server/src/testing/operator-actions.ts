// What an operator does to a client while it is in use, for tests. Each resolves when the server has said that it is done.

import { randomBytes } from 'node:crypto';
import {
  createClientKeyAndCsr,
  decideCertificateUpload,
  decideCsr,
  pauseCertificate,
  revokeCertificate,
} from '../certificates/index.js';
import {
  type AddCertificateResult,
  type ClientPolicy,
  endSecret,
  issueClientCertificate,
  type Judged,
  pauseSecret,
  type RetireResult,
  revokeClient,
  revokeSecret,
  rotateSecret,
  showClient,
  updateClient,
  uploadClientCertificate,
} from '../clients/index.js';
import { type ExplainedRefusal, explainRefusal } from '../refusals/index.js';
import type { CallAnswer, ClientIdentity, TestClient } from './test-client.js';
import type { TestServer } from './test-server.js';

const actor = 'operator';

/** A certificate that was added, or why it was not. */
export type Added =
  | {
      readonly ok: true;
      readonly certificateId: string;
      /** Of an issued one: itself and its issuer. */
      readonly chainPem: string;
    }
  | {
      readonly ok: false;
      readonly problem: string;
      /** Missing when the certificate is good and the client may not have it. */
      readonly remedy?: string;
    };

export interface Naming {
  /** A random one when left out. */
  readonly name?: string;
}

/** Signs a certificate request for `client`. */
export async function issueFor(
  server: TestServer,
  { clientId }: TestClient,
  csrPem: string,
  naming: Naming = {},
): Promise<Added> {
  const decision = await decideCsr(csrPem);
  if (!decision.ok) return decision;
  const command = { clientId, name: nameFrom(naming), csr: decision.csr, actor } as const;
  return toAdded(await issueClientCertificate(command, server.time.now, effectsOn(server)));
}

/** Registers a certificate that was made elsewhere. */
export async function uploadFor(
  server: TestServer,
  { clientId }: TestClient,
  certificatePem: string,
  naming: Naming = {},
): Promise<Added> {
  const decision = decideCertificateUpload(certificatePem, clientId, server.time.now);
  if (!decision.ok) return decision;
  const command = { clientId, name: nameFrom(naming), upload: decision.upload, actor } as const;
  return toAdded(await uploadClientCertificate(command, server.time.now, effectsOn(server)));
}

function nameFrom({ name = `certificate ${randomBytes(6).toString('hex')}` }: Naming): string {
  return name;
}

function toAdded(result: AddCertificateResult): Added {
  if (!result.ok) return result;
  return { ok: true, certificateId: result.certificate.id, chainPem: result.chainPem ?? '' };
}

/** One more certificate for `client`, with a key of its own. */
export async function addCertificate(server: TestServer, client: TestClient): Promise<ClientIdentity> {
  const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Example' });
  const added = await issueFor(server, client, csrPem);
  if (!added.ok) throw new Error(added.problem);
  const { certificates } = await describeClient(server, client);
  const sha256 = certificates.find(({ id }) => id === added.certificateId)?.sha256 ?? '';
  const thumbprint = Buffer.from(sha256, 'hex').toString('base64url');
  return { certificateId: added.certificateId, thumbprint, cert: added.chainPem, key: keyPem };
}

export async function endCertificate(
  server: TestServer,
  { certificateId }: Pick<ClientIdentity, 'certificateId'>,
): Promise<void> {
  await revokeCertificate({ certificateId, actor }, server.time.now, effectsOn(server));
}

export async function pauseCertificateOf(
  server: TestServer,
  { certificateId }: Pick<ClientIdentity, 'certificateId'>,
  seconds: number,
): Promise<void> {
  await pauseCertificate({ certificateId, seconds, actor }, server.time.now, effectsOn(server));
}

export async function endClient(server: TestServer, { clientId }: TestClient): Promise<void> {
  await revokeClient(clientId, actor, server.time.now, effectsOn(server));
}

/** Changes policy switches of `client`. */
export async function changePolicy(
  server: TestServer,
  { clientId }: TestClient,
  changes: Partial<ClientPolicy>,
): Promise<void> {
  const result = await updateClient({ clientId, changes, actor }, server.time.now, effectsOn(server));
  if (!result.ok) throw new Error(result.problem);
}

/** Turns the client's mutual TLS switch on. */
export function requireMtls(server: TestServer, client: TestClient): Promise<void> {
  return changePolicy(server, client, { mtlsRequired: true });
}

export interface Rotation {
  readonly overlapSeconds?: number;
  readonly force?: boolean;
}

/** The client with its new secret, or why it has none. */
export async function tryToRotate(
  server: TestServer,
  client: TestClient,
  { overlapSeconds = 86_400, force = false }: Rotation = {},
): Promise<TestClient | 'unknown' | 'revoked' | 'open'> {
  const command = { clientId: client.clientId, overlapSeconds, force, actor } as const;
  const rotated = await rotateSecret(command, server.time.now, effectsOn(server));
  return rotated.ok ? { ...client, secret: rotated.secret.value.reveal() } : rotated.problem;
}

/** The client with its new secret. */
export async function rotate(server: TestServer, client: TestClient, rotation: Rotation = {}): Promise<TestClient> {
  const rotated = await tryToRotate(server, client, rotation);
  if (typeof rotated === 'string') throw new Error(rotated);
  return rotated;
}

/** The secret that `client` holds gets no more tokens. */
export async function endSecretOf(server: TestServer, client: TestClient): Promise<RetireResult> {
  return endSecret({ secretId: await secretIdOf(server, client), actor }, server.time.now, effectsOn(server));
}

/** The secret that `client` holds ends, with its tokens. */
export async function revokeSecretOf(server: TestServer, client: TestClient): Promise<RetireResult> {
  return revokeSecret({ secretId: await secretIdOf(server, client), actor }, server.time.now, effectsOn(server));
}

/** The secret that `client` holds counts as revoked for so long; 0 ends that. */
export async function pauseSecretOf(server: TestServer, client: TestClient, seconds: number): Promise<void> {
  await pauseSecret({ secretId: await secretIdOf(server, client), seconds, actor }, server.time.now, effectsOn(server));
}

/** Everything that operators see of a client. */
export async function describeClient(
  server: TestServer,
  { clientId }: TestClient,
  { quietSeconds = 86_400 }: Partial<Pick<Judged, 'quietSeconds'>> = {},
) {
  const shown = await showClient(clientId, { now: server.time.now, quietSeconds }, server.core);
  if (shown === undefined) throw new Error(`there is no client ${clientId}`);
  return shown;
}

/** The id of the secret that `client` holds, found by its last characters as an operator finds it. */
export async function secretIdOf(server: TestServer, client: TestClient): Promise<string> {
  const { secrets } = await describeClient(server, client);
  const found = secrets.find(({ hint }) => client.secret.endsWith(hint));
  if (found === undefined) throw new Error('the client has no such secret');
  return found.id;
}

/** What the server kept about the refusal that `answer` is. */
export async function explain(server: TestServer, answer: CallAnswer): Promise<ExplainedRefusal | undefined> {
  const { database, refusals } = server.core;
  await refusals.flush();
  return explainRefusal(database, String(answer.headers['x-trace-id']));
}

function effectsOn({ core }: TestServer) {
  return { ...core, standingChanged: core.standing.invalidate };
}
