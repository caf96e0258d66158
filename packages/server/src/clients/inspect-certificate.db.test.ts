// A certificate is explained by what the database knows of it and of its client.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClientKeyAndCsr } from '../certificates/index.js';
import {
  aClient,
  describeOnEachEngine,
  endCertificate,
  endClient,
  startTestServer,
  type TestClient,
  type TestServer,
} from '../testing/index.js';
import { identityOf } from '../testing/test-client.js';
import { inspectCertificate } from './inspect-certificate.js';

describeOnEachEngine('inspecting a certificate', (open) => {
  let server: TestServer;
  let client: TestClient;
  beforeAll(async () => {
    server = await startTestServer({ database: await open() });
    client = await aClient(server, { environment: 'production' });
  });
  afterAll(() => server.stop());

  const inspect = (text: string, clientId?: string) =>
    inspectCertificate(text, { clientId }, server.time.now, server.core.database);

  test('finds who has it, from the very file the partner was given', async () => {
    const { cert, certificateId, thumbprint } = identityOf(client);
    const { clientId } = client;
    const answer = {
      kind: 'certificate',
      facts: { thumbprint },
      registrations: [{ certificateId, clientId, environment: 'production', origin: 'issued' }],
      accepted: true,
    };
    expect(await inspect(cert)).toMatchObject(answer);
    expect(await inspect(cert, clientId)).toMatchObject(answer);
  });

  test('finds it for another client, and says that it would be refused', async () => {
    const other = await aClient(server);
    const inspection = await inspect(identityOf(client).cert, other.clientId);
    expect(inspection).toMatchObject({ registrations: [{ clientId: client.clientId }], accepted: false });
  });

  test('knows of a revocation at once', async () => {
    const revoked = await aClient(server);
    await endCertificate(server, identityOf(revoked));
    expect(await inspect(identityOf(revoked).cert)).toMatchObject({
      accepted: false,
      verdict: expect.stringContaining('certificate_revoked'),
    });
  });

  test('knows that its client was revoked', async () => {
    const revoked = await aClient(server);
    await endClient(server, revoked);
    expect(await inspect(identityOf(revoked).cert)).toMatchObject({
      accepted: false,
      verdict: expect.stringContaining('client_revoked'),
    });
  });

  test('finds nobody who has one that is not registered, and asks nothing about a request', async () => {
    const stranger = await inspect(server.caOf('sandbox'));
    expect(stranger).toMatchObject({ kind: 'certificate', accepted: false });
    expect(stranger.registrations).toEqual([]);
    const { csrPem } = await createClientKeyAndCsr({ organisation: 'Example' });
    expect(await inspect(csrPem)).toMatchObject({ kind: 'certificate-request', accepted: true });
  });
});
