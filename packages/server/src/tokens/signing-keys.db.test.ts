import { createHash, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import { createMasterKey, MasterKeyError } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { openSigningKeys, type PublishedKey, type SigningKeys } from './signing-keys.js';

const dayMs = 24 * 3_600_000;
const secretOf = (byte: number) => new SecretValue(Buffer.alloc(32, byte).toString('base64'));
const masterKey = createMasterKey(secretOf(1));

/** RFC 7638 section 3, written out. */
function thumbprintOf({ x, y }: { x: string; y: string }): string {
  return createHash('sha256').update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`).digest('base64url');
}

function decode(part = ''): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
}

/** Header and claims of a token that this key signed; undefined when it did not. */
async function verified(token: string, { x, y }: PublishedKey) {
  const [header, claims, signature = ''] = token.split('.');
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const jwk = { kty: 'EC', crv: 'P-256', x, y };
  const key = await webcrypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
  const signed = Buffer.from(`${header}.${claims}`);
  const holds = await webcrypto.subtle.verify(algorithm, key, Buffer.from(signature, 'base64url'), signed);
  return holds ? { header: decode(header), claims: decode(claims) } : undefined;
}

test('the thumbprint of these tests is that of RFC 9449 section 6.1', () => {
  const x = 'l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs';
  const y = '9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA';
  expect(thumbprintOf({ x, y })).toBe('0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I');
});

describeOnEachEngine('the keys that sign', (open) => {
  let database: Database;
  beforeEach(async () => {
    database ??= await open();
    await database.transaction((tx) => tx.deleteFrom('signing_keys').execute());
  });

  const openKeys = (now = someTime, key = masterKey): Promise<SigningKeys> =>
    openSigningKeys({ database, masterKey: key, random: randomBytes }, now);
  const statesIn = async (keys: SigningKeys, now: number) =>
    (await keys.list(now)).filter(({ environment }) => environment === 'sandbox').map(({ state }) => state);
  const idOf = (keys: SigningKeys, now: number): unknown =>
    decode(keys.sign('sandbox', { typ: 'JWT' }, {}, now).split('.')[0]);

  test('are there from the first start, one for each environment, named by their thumbprint', async () => {
    const keys = await openKeys();
    const [sandbox, ...others] = keys.published('sandbox');
    expect(others).toEqual([]);
    expect(sandbox).toEqual({
      kty: 'EC',
      crv: 'P-256',
      x: expect.stringMatching(/^[\w-]{43}$/),
      y: expect.stringMatching(/^[\w-]{43}$/),
      kid: sandbox === undefined ? '' : thumbprintOf(sandbox),
      use: 'sig',
      alg: 'ES256',
    });
    expect(keys.published('production')).toHaveLength(1);
    expect(keys.published('production')).not.toEqual(keys.published('sandbox'));
  });

  test('sign what anybody with the public key can verify, and no other key', async () => {
    const keys = await openKeys();
    const [own] = keys.published('sandbox');
    const [other] = keys.published('production');
    if (own === undefined || other === undefined) throw new Error('there are keys');
    const token = keys.sign('sandbox', { typ: 'example+jwt' }, { iss: 'https://example' }, someTime);
    expect(await verified(token, own)).toEqual({
      header: { alg: 'ES256', kid: own.kid, typ: 'example+jwt' },
      claims: { iss: 'https://example' },
    });
    expect(await verified(token, other)).toBeUndefined();
  });

  test('are one and the same on nodes that start at the same time', async () => {
    const nodes = await Promise.all([openKeys(), openKeys(), openKeys()]);
    const ids = nodes.map((keys) => keys.published('sandbox').map(({ kid }) => kid));
    expect(ids[0]).toHaveLength(1);
    expect(ids).toEqual([ids[0], ids[0], ids[0]]);
  });

  test('are published a day before their 90 days begin, and for two days after', async () => {
    const keys = await openKeys();
    const [first] = await keys.list(someTime);
    const end = first?.activeUntil ?? 0;
    expect(Math.round((end - someTime) / dayMs)).toBe(90);
    await keys.maintain(end - dayMs - 1);
    expect(await statesIn(keys, end - dayMs - 1), 'not earlier').toEqual(['active']);
    await keys.maintain(end - dayMs);
    expect(await statesIn(keys, end - dayMs)).toEqual(['active', 'next']);
    const [old, next] = keys.published('sandbox');
    expect(idOf(keys, end - 1)).toMatchObject({ kid: old?.kid });
    expect(idOf(keys, end)).toMatchObject({ kid: next?.kid });
    await keys.maintain(end + 2 * dayMs - 1);
    expect(keys.published('sandbox')).toEqual([old, next]);
    await keys.maintain(end + 2 * dayMs);
    expect(keys.published('sandbox')).toEqual([next]);
  });

  test('are published as their private keys say, whatever stands beside those in the rows', async () => {
    const published = (await openKeys()).published('sandbox');
    const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' });
    await database.transaction((tx) =>
      tx
        .updateTable('signing_keys')
        .set({ public_jwk: JSON.stringify(foreign) })
        .execute(),
    );
    expect((await openKeys()).published('sandbox')).toEqual(published);
  });

  test('with a name that is not their thumbprint are damage, which is named and not published', async () => {
    const keys = await openKeys();
    const before = keys.published('sandbox');
    const kid = 'x'.repeat(43);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    await database.transaction((tx) =>
      tx
        .insertInto('signing_keys')
        .values({
          environment: 'sandbox',
          kid,
          public_jwk: JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'a', y: 'b' }),
          key_sealed: masterKey.seal(pkcs8, { environment: 'sandbox', table: 'signing_keys', row: kid }),
          created_at: new Date(someTime),
          active_from: new Date(someTime + 1),
        })
        .execute(),
    );
    const damage = `signing_keys sandbox ${kid} is damaged`;
    await expect(keys.reload()).rejects.toThrow(damage);
    expect(keys.published('sandbox')).toEqual(before);
    await expect(openKeys()).rejects.toThrow(damage);
  });

  test('are made anew after a sleep that outlasted them', async () => {
    await openKeys();
    const later = someTime + 200 * dayMs;
    const keys = await openKeys(later);
    expect(await statesIn(keys, later)).toEqual(['retired', 'active']);
    const made = keys.published('sandbox');
    await keys.maintain(later);
    expect(keys.published('sandbox'), 'and no more than once').toEqual(made);
  });

  test('are replaced by command, a day later unless it says otherwise, and only once at a time', async () => {
    const keys = await openKeys();
    const usual = await keys.rotate({ environment: 'sandbox' }, someTime);
    expect(usual.map(({ state, activeFrom }) => [state, activeFrom > someTime])).toEqual([
      ['active', false],
      ['next', true],
    ]);
    expect(usual[1]?.activeFrom).toBe(someTime + dayMs);
    expect(usual[0]?.readableUntil).toBe(someTime + 3 * dayMs);
    expect(keys.published('production'), 'the other environment keeps its own').toHaveLength(1);

    await expect(keys.rotate({}, someTime)).rejects.toThrow(KeyConflictError);
    expect(keys.published('production'), 'all or nothing').toHaveLength(1);

    const [before] = keys.published('sandbox');
    const token = keys.sign('sandbox', { typ: 'JWT' }, {}, someTime);
    const forward = await keys.rotate({ environment: 'sandbox', publishSeconds: 0 }, someTime);
    expect(forward.map(({ id }) => id)).toEqual(usual.map(({ id }) => id));
    expect(forward.map(({ state }) => state)).toEqual(['retired', 'active']);
    expect(idOf(keys, someTime)).toMatchObject({ kid: usual[1]?.id });
    if (before === undefined) throw new Error('there is a key');
    expect(await verified(token, before), 'what it signed is still good').toBeDefined();
    expect(keys.published('sandbox')).toContainEqual(before);
  });

  test('are announced, and known to another node once it reads them again', async () => {
    const announcements = () =>
      database.read((tx) =>
        tx.selectFrom('announcements').select('topic').where('subject', '=', 'signing_keys').execute(),
      );
    const [here, there] = [await openKeys(), await openKeys()];
    const before = (await announcements()).length;
    await here.rotate({}, someTime);
    expect((await announcements()).slice(before)).toEqual([{ topic: 'keys' }, { topic: 'keys' }]);
    expect(there.published('sandbox')).toHaveLength(1);
    await there.reload();
    expect(there.published('sandbox')).toEqual(here.published('sandbox'));
  });

  test('leave an audit entry for each that is made or brought forward', async () => {
    const entries = async () =>
      (await database.read((tx) => tx.selectFrom('audit_entries').select(['actor', 'action']).execute())).filter(
        ({ action }) => action.startsWith('signing_key.'),
      );
    const before = (await entries()).length;
    const keys = await openKeys();
    await keys.rotate({ environment: 'sandbox' }, someTime);
    await keys.rotate({ environment: 'sandbox', publishSeconds: 60 }, someTime);
    expect(
      (await entries())
        .slice(before)
        .map(({ actor, action }) => `${actor} ${action}`)
        .sort(),
    ).toEqual([
      'operator signing_key.brought_forward',
      'operator signing_key.created',
      'tollward signing_key.created',
      'tollward signing_key.created',
    ]);
  });

  test('are sealed in the database, and sealed anew under another master key', async () => {
    const keys = await openKeys();
    const token = keys.sign('sandbox', { typ: 'JWT' }, {}, someTime);
    await expect(openKeys(someTime, createMasterKey(secretOf(2)))).rejects.toThrow(MasterKeyError);
    const both = createMasterKey(secretOf(2), secretOf(1));
    expect([await keys.reseal(both), await keys.reseal(both)]).toEqual([2, 0]);
    const after = await openKeys(someTime, createMasterKey(secretOf(2)));
    const [published] = after.published('sandbox');
    if (published === undefined) throw new Error('there is a key');
    expect(await verified(token, published)).toBeDefined();
    expect(await verified(after.sign('sandbox', { typ: 'JWT' }, {}, someTime), published)).toBeDefined();
  });
});
