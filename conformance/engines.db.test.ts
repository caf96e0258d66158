// What partners see must not depend on the engine below.

import {
  aClient,
  aToken,
  callPlayground,
  describeOnEachEngine,
  endCertificate,
  explain,
  requestToken,
  startTestServer,
} from '@tollward/server/testing';
import { expect, test } from 'vitest';

describeOnEachEngine('token, call, refusal and audit', (open) => {
  test('[DB-01] a client gets a token, uses it, is refused with a reason and ends, and all of it is on record', async () => {
    const server = await startTestServer({ database: await open() });
    try {
      const client = await aClient(server);
      const token = await aToken(server, client);
      expect((await callPlayground(server, client, token)).status).toBe(200);

      const refused = await requestToken(server, client, { identity: null });
      expect(await explain(server, refused)).toMatchObject({ code: 'certificate_missing', clientId: client.clientId });

      if (client.identity === null) throw new Error('the client has no certificate');
      await endCertificate(server, client.identity);
      expect((await callPlayground(server, client, token)).headers['x-refusal-code']).toBe('certificate_revoked');

      const audit = await server.core.database.read((tx) =>
        tx.selectFrom('audit_entries').select(['action', 'environment']).where('environment', '=', 'sandbox').execute(),
      );
      const actions = audit.map(({ action }) => action);
      for (const action of ['client.created', 'secret.created', 'certificate.issued', 'certificate.revoked']) {
        expect(actions.filter((each) => each === action)).toHaveLength(1);
      }
    } finally {
      await server.stop();
    }
  });

  test('[DB-01] the other environment knows nothing of a client, by the same database', async () => {
    const server = await startTestServer({ database: await open() });
    try {
      const client = await aClient(server);
      const { secret } = await aClient(server, { environment: 'production' });
      const elsewhere = await requestToken(server, { ...client, secret }, { environment: 'production' });
      expect([elsewhere.status, elsewhere.headers['x-refusal-code']]).toEqual([401, 'client_authentication_failed']);
    } finally {
      await server.stop();
    }
  });
});
