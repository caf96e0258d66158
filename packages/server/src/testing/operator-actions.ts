// What an operator does to a client while it is in use, for tests.

import { randomBytes } from 'node:crypto';
import { createClientKeyAndCsr, decideCsr, issueCertificate, revokeCertificate } from '../certificates/index.js';
import { revokeClient } from '../clients/index.js';
import { type ExplainedRefusal, explainRefusal } from '../refusals/index.js';
import type { CallAnswer, ClientIdentity, TestClient } from './test-client.js';
import type { TestServer } from './test-server.js';

/** One more certificate for `client`, with a key of its own. */
export async function addCertificate(server: TestServer, client: TestClient): Promise<ClientIdentity> {
  const { environment, clientId } = client;
  const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Example' });
  const csr = await decideCsr(csrPem);
  if (!csr.ok) throw new Error(csr.remedy);
  const { database, authorities, random, standing } = server.core;
  const name = `certificate ${randomBytes(6).toString('hex')}`;
  const command = { environment, clientId, name, csr: csr.csr, actor: 'operator' } as const;
  const issued = await database.transaction((tx) =>
    issueCertificate(tx, command, authorities, server.time.now, random),
  );
  standing.invalidate(environment, clientId);
  return { certificateId: issued.id, thumbprint: issued.thumbprint, cert: issued.chainPem, key: keyPem };
}

/** Revokes a certificate; resolves when the server has said so. */
export async function endCertificate(server: TestServer, { certificateId }: ClientIdentity): Promise<void> {
  await revokeCertificate(certificateId, 'operator', server.time.now, operatorOf(server));
}

/** Revokes a client; resolves when the server has said so. */
export async function endClient(server: TestServer, { clientId }: TestClient): Promise<void> {
  await revokeClient(clientId, 'operator', server.time.now, operatorOf(server));
}

/** Turns the client's mutual TLS switch on. */
export async function requireMtls(server: TestServer, { environment, clientId }: TestClient): Promise<void> {
  const { database, standing } = server.core;
  await database.transaction((tx) =>
    tx.updateTable('clients').set({ mtls_required: true }).where('id', '=', clientId).execute(),
  );
  standing.invalidate(environment, clientId);
}

/** What the server kept about the refusal that `answer` is. */
export async function explain(server: TestServer, answer: CallAnswer): Promise<ExplainedRefusal | undefined> {
  const { database, refusals } = server.core;
  await refusals.flush();
  return explainRefusal(database, String(answer.headers['x-trace-id']));
}

function operatorOf({ core: { database, random, standing } }: TestServer) {
  return { database, random, standingChanged: standing.invalidate };
}
