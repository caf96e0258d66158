// Ending single tokens, on both engines, through the real standing and the real pipeline.

import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { loadClientFacts, revokeClient } from '../clients/index.js';
import { isRefusal } from '../refusals/index.js';
import { type HeldClient, openTestCapabilities, type TestCapabilities } from '../testing/capabilities.js';
import { describeOnEachEngine } from '../testing/database.js';
import { revokeAnyToken } from './revoke-token.js';

const hourMs = 3_600_000;
const minuteMs = 60_000;

describeOnEachEngine('revoking a token', (open) => {
  let capabilities: TestCapabilities;
  beforeAll(async () => {
    capabilities = await openTestCapabilities(await open());
  });

  const tokenOf = ({ clientId, secret }: HeldClient) => capabilities.tokenOf(clientId, secret);
  const outcomesOf = (...tokens: readonly string[]) =>
    Promise.all(tokens.map((token) => capabilities.outcomeOfCall(token)));
  const revokeByOperator = (token: string) => revokeAnyToken(token, capabilities.time.now, capabilities);
  const countRows = async ({ clientId }: HeldClient): Promise<number> => {
    const rows = await capabilities.database.read((tx) =>
      tx.selectFrom('revoked_tokens').select('token_id').where('client_id', '=', clientId).execute(),
    );
    return rows.length;
  };
  const readAudit = () =>
    capabilities.database.read((tx) =>
      tx
        .selectFrom('audit_entries')
        .select(['actor', 'action', 'subject'])
        .where('action', 'in', ['token.revoked', 'client.tokens_revoked'])
        .orderBy('id')
        .execute(),
    );

  test('ends that token at once and no other, and a second time changes nothing', async () => {
    const client = await capabilities.makeClient('one of two');
    const [ended, kept] = [await tokenOf(client), await tokenOf(client)];
    expect(await outcomesOf(ended, kept), 'its facts are cached from here on').toEqual(['admitted', 'admitted']);
    const before = (await readAudit()).length;

    expect(await capabilities.requestRevocation(client, ended)).toEqual({ clientId: client.clientId });
    expect(await outcomesOf(ended, kept)).toEqual(['token_revoked', 'admitted']);
    expect(await capabilities.requestRevocation(client, ended)).toEqual({ clientId: client.clientId });
    expect(await countRows(client)).toBe(1);

    expect(await readAudit(), 'a client can not make the trail grow').toHaveLength(before);
  });

  test('is asked for again and again without another unit of work, and what is new takes one at a time', async () => {
    const client = await capabilities.makeClient('storm');
    const tokens = [await tokenOf(client), await tokenOf(client), await tokenOf(client)];
    const { database } = capabilities;
    const transaction = database.transaction.bind(database);
    const units = { opened: 0, open: 0, most: 0 };
    const spy = vi.spyOn(database, 'transaction').mockImplementation(async (work) => {
      units.opened += 1;
      units.open += 1;
      units.most = Math.max(units.most, units.open);
      return transaction(work).finally(() => {
        units.open -= 1;
      });
    });
    onTestFinished(() => spy.mockRestore());
    const times = Array.from({ length: 10 }, () => tokens).flat();
    await Promise.all(times.map((token) => capabilities.requestRevocation(client, token)));
    expect(units).toEqual({ opened: 3, open: 0, most: 1 });
    expect(await outcomesOf(...tokens)).toEqual(['token_revoked', 'token_revoked', 'token_revoked']);
  });

  test('of a client does not wait for that of another client', async () => {
    const [one, other] = [await capabilities.makeClient('held up'), await capabilities.makeClient('on its own')];
    const [first, second] = [await tokenOf(one), await tokenOf(other)];
    const { database } = capabilities;
    const spy = vi.spyOn(database, 'transaction').mockImplementationOnce(() => new Promise(() => undefined));
    onTestFinished(() => spy.mockRestore());
    void capabilities.requestRevocation(one, first);
    await vi.waitFor(() => expect(spy).toHaveBeenCalledTimes(1));
    await capabilities.requestRevocation(other, second);
    expect(await outcomesOf(first, second)).toEqual(['admitted', 'token_revoked']);
  });

  test('of another client, or what is no token, or one that expired, is answered alike and does nothing', async () => {
    const [owner, other] = [await capabilities.makeClient('owner'), await capabilities.makeClient('other')];
    const token = await tokenOf(owner);
    const expired = await tokenOf(other);
    await capabilities.passTime(6 * hourMs);
    const fresh = await tokenOf(owner);
    await capabilities.passTime(6 * hourMs);
    for (const text of [token, fresh, expired, 'garbage', `${fresh.slice(0, -1)}`, fresh.replace('sbx', 'prd')]) {
      expect(await capabilities.requestRevocation(other, text)).toEqual({ clientId: other.clientId });
    }
    expect(await outcomesOf(fresh)).toEqual(['admitted']);
    expect([await countRows(owner), await countRows(other)]).toEqual([0, 0]);
  });

  test('needs the client to be proved', async () => {
    const client = await capabilities.makeClient('unproved');
    const token = await tokenOf(client);
    const wrong = { ...client, secret: `${client.secret.slice(0, -1)}!` };
    expect(await capabilities.requestRevocation(wrong, token)).toMatchObject({
      refusal: 'client_authentication_failed',
    });
    expect(await outcomesOf(token)).toEqual(['admitted']);
  });

  test('[REV-07] by an operator needs no client, and tells what it came to', async () => {
    const client = await capabilities.makeClient('of operators');
    const { clientId } = client;
    const [ended, kept] = [await tokenOf(client), await tokenOf(client)];
    const before = (await readAudit()).length;
    expect(await revokeByOperator(ended)).toMatchObject({ ok: true, clientId, revoked: 'token' });
    expect((await readAudit()).slice(before)).toEqual([
      { actor: 'operator', action: 'token.revoked', subject: expect.stringMatching(/^[0-9a-f]{32}$/) },
    ]);
    expect(await revokeByOperator(ended)).toMatchObject({ ok: true, clientId, revoked: 'nothing' });
    expect(await outcomesOf(ended, kept)).toEqual(['token_revoked', 'admitted']);
    expect(await revokeByOperator('garbage')).toEqual({ ok: false, problem: 'unreadable' });
    await revokeClient(clientId, 'operator', capabilities.time.now, capabilities);
    expect(await revokeByOperator(kept)).toMatchObject({ ok: true, revoked: 'nothing' });
  });

  test('[REV-08] beyond 500 of a client ends all tokens it has, and the list begins anew', async () => {
    const client = await capabilities.makeClient('many');
    const { clientId } = client;
    const [first, bystander] = [await tokenOf(client), await tokenOf(client)];
    const expiresAt = new Date(capabilities.time.now + hourMs);
    const rows = Array.from({ length: 500 }, (_, index) => ({
      environment: 'sandbox' as const,
      client_id: clientId,
      token_id: index.toString(16).padStart(32, '0'),
      revoked_at: new Date(capabilities.time.now),
      expires_at: expiresAt,
    }));
    await capabilities.database.transaction((tx) => tx.insertInto('revoked_tokens').values(rows).execute());
    capabilities.clients.invalidate('sandbox', clientId);

    expect(await revokeByOperator(first)).toMatchObject({ ok: true, revoked: 'all-tokens' });
    expect(await outcomesOf(first, bystander)).toEqual(['token_revoked', 'token_revoked']);
    expect(await countRows(client)).toBe(0);
    expect((await readAudit()).at(-1)).toEqual({
      actor: 'operator',
      action: 'client.tokens_revoked',
      subject: clientId,
    });
    const next = await tokenOf(client);
    expect(await outcomesOf(next)).toEqual(['admitted']);
    expect(await revokeByOperator(next)).toMatchObject({ revoked: 'token' });
    expect(await countRows(client)).toBe(1);
  });

  test('holds for a clock that jumps ahead and comes back', async () => {
    const { clients, time } = capabilities;
    const client = await capabilities.makeClient('jump');
    const token = await tokenOf(client);
    await revokeByOperator(token);
    const before = time.now;
    time.now += 13 * hourMs;
    clients.clear();
    expect(await outcomesOf(token)).toEqual(['token_expired']);
    await clients.get('sandbox', client.clientId);
    time.now = before;
    expect(await outcomesOf(token)).toEqual(['token_revoked']);
  });

  test('[REV-08] is forgotten five minutes after the token has expired', async () => {
    const { database, time } = capabilities;
    const client = await capabilities.makeClient('forgotten');
    for (const token of [await tokenOf(client), await tokenOf(client)]) await revokeByOperator(token);
    const until = time.now + 12 * hourMs + 5 * minuteMs;
    const remembered = async () =>
      (await database.read((tx) => loadClientFacts(tx, 'sandbox', client.clientId, until)))?.revokedTokens.size;
    expect(await remembered()).toBe(2);
    const rows = await database.read((tx) =>
      tx.selectFrom('revoked_tokens').select('expires_at').where('client_id', '=', client.clientId).execute(),
    );
    expect(
      rows.map((row) => row.expires_at.getTime()),
      'when the deleter takes the rows',
    ).toEqual([until, until]);
    await database.transaction((tx) =>
      tx.deleteFrom('revoked_tokens').where('client_id', '=', client.clientId).execute(),
    );
    expect(await remembered()).toBe(0);
  });

  test('[REV-07] is announced to every node in the unit of work that does it', async () => {
    const client = await capabilities.makeClient('announced');
    const announcements = () =>
      capabilities.database.read((tx) =>
        tx
          .selectFrom('announcements')
          .select(['topic', 'environment'])
          .where('subject', '=', client.clientId)
          .where('topic', '=', 'standing')
          .execute(),
      );
    const token = await tokenOf(client);
    const before = (await announcements()).length;
    await revokeByOperator(token);
    expect((await announcements()).slice(before)).toEqual([{ topic: 'standing', environment: 'sandbox' }]);
  });

  test('counts as a use of the secret that was proved', async () => {
    const client = await capabilities.makeClient('counted');
    await capabilities.usage.flush();
    expect(capabilities.usage.lastPendingAt(client.secretId)).toBe(0);
    const answer = await capabilities.requestRevocation(client, 'garbage');
    expect(isRefusal(answer)).toBe(false);
    expect(capabilities.usage.lastPendingAt(client.secretId)).toBe(capabilities.time.now);
  });
});
