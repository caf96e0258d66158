// The routes of the management API that change clients and their secrets in use: what they take, answer and refuse.

import { parseSecret } from '@tollward/protocol';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { z } from 'zod';
import { openTestManagement, type TestManagement } from '../../testing/management.js';
import { type ClientOnTheWire, expectProblem, requestsTo } from '../../testing/management-requests.js';
import type { rotatedSecretSchema } from './schemas/secrets.js';

type RotatedOnTheWire = z.input<typeof rotatedSecretSchema>;

const other = '0'.repeat(32);
const hourMs = 3_600_000;

let management: TestManagement;
beforeAll(async () => {
  management = await openTestManagement();
});
afterAll(() => management.close());

const { post, patch, get, aClient, shown, expectInvalid, isoAfter } = requestsTo(() => management);

describe('PATCH /clients/:id', () => {
  it('changes what it names, answers the client as it is then and as it was, and the next request is judged by it', async () => {
    const { clientId, secret } = await aClient();
    const response = await patch(`/clients/${clientId}`, {
      name: 'renamed',
      embeddedModel: true,
      scaOff: true,
      allowedAddresses: [' 203.0.113.0/24 ', '2001:DB8::1', '::ffff:203.0.113.0/120'],
      limits: { perSecond: 5, perMinute: 50 },
      accessTokenLifetimeSeconds: 600,
    });
    expect(response.statusCode).toBe(200);
    const { client } = response.json<{ client: ClientOnTheWire }>();
    expect(client).toMatchObject({
      id: clientId,
      name: 'renamed',
      mtlsRequired: false,
      embeddedModel: true,
      scaOff: true,
      allowedAddresses: ['203.0.113.0/24', '2001:db8::1'],
      limits: { perSecond: 5, perMinute: 50 },
      accessTokenLifetimeSeconds: 600,
    });
    expect(client).toEqual(await shown(clientId));
    expect(await management.outcomeOf(clientId, secret)).toBe('address_not_allowed');
    const emptied = await patch(`/clients/${clientId}`, { allowedAddresses: [], limits: null });
    expect(emptied.json()).toMatchObject({
      client: { allowedAddresses: [], limits: null, embeddedModel: true },
      before: {
        name: 'renamed',
        allowedAddresses: ['203.0.113.0/24', '2001:db8::1'],
        limits: { perSecond: 5, perMinute: 50 },
      },
    });
    expect(await management.outcomeOf(clientId, secret)).toBe('token');
  });

  it('says that a certificate is needed when mutual TLS is required and there is none', async () => {
    const { clientId } = await aClient();
    const required = await patch(`/clients/${clientId}`, { mtlsRequired: true });
    expect(required.json<{ notice?: string }>().notice).toMatch(/no certificate in force/);
    const off = await patch(`/clients/${clientId}`, { mtlsRequired: false });
    expect(off.json()).not.toHaveProperty('notice');
  });

  it('refuses an unknown client, a revoked one, a name that is taken and what production never allows', async () => {
    const [first, second] = [await aClient({ name: 'taken here' }), await aClient()];
    expectProblem(await patch(`/clients/cli_${other}`, { mtlsRequired: true }), 404, 'client_unknown');
    expectProblem(
      await patch(`/clients/${second.clientId}`, { name: 'taken here' }),
      409,
      'client_name_taken',
      /taken here/,
    );
    const production = await aClient({ environment: 'production' });
    expectProblem(await patch(`/clients/${production.clientId}`, { scaOff: true }), 422, 'sca_off_in_production');
    expectProblem(
      await post('/clients', { environment: 'production', organisation: 'Test Bank', name: 'sca', scaOff: true }),
      422,
      'sca_off_in_production',
    );
    await post(`/clients/${first.clientId}/revocation`);
    expectProblem(await patch(`/clients/${first.clientId}`, { mtlsRequired: true }), 409, 'client_revoked');
  });

  it.each([
    ['nothing to change', {}],
    ['a field it does not know', { environment: 'production' }],
    ['an address that is none', { allowedAddresses: ['203.0.113.7', 'localhost'] }],
    ['a block with bits behind its prefix', { allowedAddresses: ['203.0.113.7/24'] }],
    ['over 100 addresses', { allowedAddresses: Array.from({ length: 101 }, (_, index) => `192.0.2.${index}`) }],
    ['one limit without the other', { limits: { perSecond: 5 } }],
    ['a limit of nothing', { limits: { perSecond: 0, perMinute: 1 } }],
    ['a limit that is no whole number', { limits: { perSecond: 1.5, perMinute: 10 } }],
    ['a lifetime under ten seconds', { accessTokenLifetimeSeconds: 9 }],
    ['a lifetime over a day', { accessTokenLifetimeSeconds: 86_401 }],
    ['a switch that is null', { mtlsRequired: null }],
    ['an empty name', { name: ' ' }],
  ])('refuses %s and changes nothing', async (_case, changes) => {
    const { clientId } = await aClient();
    const before = await shown(clientId);
    await expectInvalid('PATCH', `/clients/${clientId}`, changes);
    expect(await shown(clientId)).toEqual(before);
  });
});

describe('POST /clients/:id/secrets', () => {
  it('hands out the new secret once, never to be cached, and says until when the old one gets tokens', async () => {
    const old = await aClient();
    const response = await post(`/clients/${old.clientId}/secrets`, {});
    expect(response.statusCode).toBe(201);
    expect(response.headers['cache-control']).toBe('no-store');
    const body = response.json<RotatedOnTheWire>();
    expect(body).toEqual({
      id: expect.stringMatching(/^sec_[0-9a-f]{32}$/),
      secret: expect.stringMatching(/^tlw_sbx_cs_[0-9A-Za-z]{49}$/),
      ending: [{ id: old.secretId, hint: old.secret.slice(-4), usableUntil: isoAfter(24 * hourMs) }],
      ended: [],
    });
    expect(parseSecret(body.secret).ok).toBe(true);
    expect(await management.outcomeOf(old.clientId, body.secret)).toBe('token');
    expect(await management.outcomeOf(old.clientId, old.secret)).toBe('token');
    const later = await get(`/clients/${old.clientId}`);
    expect(later.body).not.toContain(body.secret.slice(11, -4));
    expect(later.json<ClientOnTheWire>().secrets.map(({ id, state }) => [id, state])).toEqual([
      [old.secretId, 'ending'],
      [body.id, 'in force'],
    ]);
  });

  it('without an overlap says that the old one ended, and takes up to seven days', async () => {
    const [first, second] = [await aClient(), await aClient()];
    const ended = await post(`/clients/${first.clientId}/secrets`, { overlapSeconds: 0 });
    expect(ended.json()).toMatchObject({ ending: [], ended: [{ id: first.secretId, hint: first.secret.slice(-4) }] });
    const week = await post(`/clients/${second.clientId}/secrets`, { overlapSeconds: 604_800 });
    expect(week.json()).toMatchObject({ ending: [{ id: second.secretId, usableUntil: isoAfter(168 * hourMs) }] });
  });

  it('refuses a second one while the first is open, says until when and what to do, and does it when forced', async () => {
    const old = await aClient();
    const url = `/clients/${old.clientId}/secrets`;
    const { id } = (await post(url, { overlapSeconds: 3_600 })).json<RotatedOnTheWire>();
    const openUntil = isoAfter(hourMs);
    management.time.now += 1;
    expectProblem(await post(url, {}), 409, 'rotation_open', new RegExp(`until ${openUntil}.*force`));
    const forced = await post(url, { force: true, overlapSeconds: 60 });
    expect(forced.json()).toMatchObject({ ending: [{ id }], ended: [{ id: old.secretId }] });
  });

  it('refuses an unknown or revoked client', async () => {
    const { clientId } = await aClient();
    await post(`/clients/${clientId}/revocation`);
    expectProblem(await post(`/clients/${clientId}/secrets`, {}), 409, 'client_revoked');
    expectProblem(await post(`/clients/cli_${other}/secrets`, {}), 404, 'client_unknown');
  });

  it.each([
    ['over seven days', { overlapSeconds: 604_801 }],
    ['in the past', { overlapSeconds: -1 }],
    ['of half a second', { overlapSeconds: 0.5 }],
    ['that is a text', { overlapSeconds: '3600' }],
    ['with a field it does not know', { overlap: 60 }],
  ])('refuses an overlap %s and makes no secret', async (_case, body) => {
    const { clientId } = await aClient();
    await expectInvalid('POST', `/clients/${clientId}/secrets`, body);
    expect((await shown(clientId)).secrets).toHaveLength(1);
  });
});

describe('POST /secrets/:id/...', () => {
  it('end: ends it, says since when, and says so again a second time', async () => {
    const held = await aClient();
    const url = `/secrets/${held.secretId}/end`;
    const usableUntil = isoAfter(0);
    const notice = expect.stringContaining('no live secret now: "tollward secrets rotate" makes one');
    expect((await post(url)).json()).toEqual({ usableUntil, alreadyEnded: false, notice });
    expect(await management.outcomeOf(held.clientId, held.secret)).toBe('secret_replaced');
    management.time.now += 1;
    expect((await post(url, {})).json()).toEqual({ usableUntil, alreadyEnded: true, notice });
  });

  it('revocation: ends its tokens as well, and says when it had been done already', async () => {
    const held = await aClient();
    const token = await management.tokenOf(held.clientId, held.secret);
    const url = `/secrets/${held.secretId}/revocation`;
    const notice = expect.stringContaining('no live secret now');
    expect((await post(url)).json()).toEqual({ alreadyRevoked: false, notice });
    expect(await management.outcomeOfCall(token)).toBe('token_revoked');
    expect((await post(url)).json()).toEqual({ alreadyRevoked: true, notice });
  });

  it('end and revocation: ask about a newer secret that never got a token, and are silent about one that did', async () => {
    for (const way of ['end', 'revocation']) {
      const held = await aClient();
      management.time.now += 1;
      const newer = (await post(`/clients/${held.clientId}/secrets`, {})).json();
      const url = `/secrets/${held.secretId}/${way}`;
      expect((await post(url)).json().notice).toBe(
        `The secret that is left, ${newer.id}, has not got a token yet: is it deployed?`,
      );
      await management.tokenOf(held.clientId, newer.secret);
      expect((await post(url)).json()).not.toHaveProperty('notice');
    }
  });

  it('revocation: is answered as done also when what is left can not be looked up', async () => {
    const held = await aClient();
    const read = vi.spyOn(management.database, 'read').mockRejectedValue(new Error('away'));
    onTestFinished(() => read.mockRestore());
    expect((await post(`/secrets/${held.secretId}/revocation`)).json()).toEqual({ alreadyRevoked: false });
    expect(read).toHaveBeenCalled();
  });

  it('revocation with quietSeconds: names the tokens when only they are in the way', async () => {
    const held = await aClient();
    await management.passTime(48 * 3_600_000);
    await management.tokenOf(held.clientId, held.secret);
    await management.passTime(3_600_000);
    const until = isoAfter(11 * 3_600_000);
    expectProblem(
      await post(`/secrets/${held.secretId}/revocation`, { quietSeconds: 60 }),
      409,
      'still_used',
      new RegExp(`^Nothing was changed: tokens that it got run until ${until}\\. "tollward secrets end" ends it now`),
    );
  });

  it('pause: says until when, and 0 ends it', async () => {
    const held = await aClient();
    const url = `/secrets/${held.secretId}/pause`;
    expect((await post(url, { seconds: 30 })).json()).toEqual({ pausedUntil: isoAfter(30_000) });
    expect(await management.outcomeOf(held.clientId, held.secret)).toBe('secret_paused');
    expect((await shown(held.clientId)).secrets[0]?.pausedUntil).toBe(isoAfter(30_000));
    expect((await post(url, { seconds: 0 })).json()).toEqual({ pausedUntil: null });
    expect(await management.outcomeOf(held.clientId, held.secret)).toBe('token');
  });

  it('pause: refused for a secret that is revoked, which has nothing to pause', async () => {
    const held = await aClient();
    await post(`/secrets/${held.secretId}/revocation`);
    expectProblem(await post(`/secrets/${held.secretId}/pause`, { seconds: 30 }), 409, 'out_of_use', /revoked/);
    expect((await shown(held.clientId)).secrets[0]?.pausedUntil).toBeNull();
    expect((await post(`/secrets/${held.secretId}/pause`, { seconds: 0 })).json()).toEqual({ pausedUntil: null });
  });

  it('tells of each whether it can go: since when it is unused, and whether a newer one is in force', async () => {
    const held = await aClient();
    await management.passTime(48 * hourMs);
    await post(`/clients/${held.clientId}/secrets`, {});
    const retirements = async (query = '') =>
      (await get(`/clients/${held.clientId}${query}`)).json<ClientOnTheWire>().secrets.map((each) => each.retirement);
    const day = isoAfter(24 * hourMs);
    expect(await retirements()).toEqual([
      { safeFrom: null, hasSuccessor: true },
      { safeFrom: day, hasSuccessor: false },
    ]);
    expect(await retirements('?quietSeconds=60')).toMatchObject([{ safeFrom: null }, { safeFrom: isoAfter(60_000) }]);
  });

  it('end and revocation with quietSeconds: refused for one that nobody was ever seen to use, until that says something', async () => {
    const held = await aClient();
    // It was made one millisecond ago.
    const safeFrom = isoAfter(59_999);
    for (const act of ['end', 'revocation']) {
      const refused = await post(`/secrets/${held.secretId}/${act}`, { quietSeconds: 60 });
      expectProblem(refused, 409, 'still_used', new RegExp(`^Nothing was changed: it is safe from ${safeFrom}`));
    }
    management.time.now += 59_999;
    expect((await post(`/secrets/${held.secretId}/revocation`, { quietSeconds: 60 })).statusCode).toBe(200);
  });

  it('end and revocation with quietSeconds: refused while it is used, with where from and when it is safe', async () => {
    const held = await aClient();
    expect(await management.outcomeOf(held.clientId, held.secret, { address: '192.0.2.7' })).toBe('token');
    const [usedAt, endSafe, revokeSafe] = [isoAfter(0), isoAfter(60_000), isoAfter(12 * hourMs)];
    const body = { quietSeconds: 60 };
    const used = `Nothing was changed: somebody last tried it at ${usedAt} from 192.0.2.7, and it is safe from`;
    expectProblem(
      await post(`/secrets/${held.secretId}/end`, body),
      409,
      'still_used',
      new RegExp(`^${used} ${endSafe}`),
    );
    expectProblem(
      await post(`/secrets/${held.secretId}/revocation`, body),
      409,
      'still_used',
      new RegExp(`^${used} ${revokeSafe}`),
    );
    expect((await shown(held.clientId)).secrets[0]).toMatchObject({ state: 'in force', usableUntil: null });
    management.time.now += 60_000;
    expect((await post(`/secrets/${held.secretId}/end`, body)).json()).toMatchObject({ alreadyEnded: false });
  });

  it.each(['end', 'revocation', 'pause'])(
    '%s: answers 404 for an unknown secret and 400 for what is no secret id',
    async (act) => {
      const body = act === 'pause' ? { seconds: 1 } : {};
      expectProblem(await post(`/secrets/sec_${other}/${act}`, body), 404, 'secret_unknown');
      await expectInvalid('POST', `/secrets/cli_${other}/${act}`, body);
      await expectInvalid('POST', `/secrets/tlw_sbx_cs_x/${act}`, body);
    },
  );

  it.each([
    ['end', { quietSeconds: 0 }],
    ['end', { quietSeconds: 90 * 86_400 + 1 }],
    ['end', { quiet: 60 }],
    ['revocation', { quietSeconds: 'soon' }],
    ['pause', {}],
    ['pause', { seconds: -1 }],
    ['pause', { seconds: 3_601 }],
    ['pause', { seconds: 1, until: 'tomorrow' }],
  ])('%s: refuses %o and changes nothing', async (act, body) => {
    const held = await aClient();
    const before = await shown(held.clientId);
    await expectInvalid('POST', `/secrets/${held.secretId}/${act}`, body);
    expect(await shown(held.clientId)).toEqual(before);
  });
});
