// Who gets in, told by assertions that a gateway would not make.

import { createServer } from 'node:http';
import { createLocalJWKSet, generateKeyPair } from 'jose';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createCallerReader, type Environment } from './caller.js';
import { remoteKeys } from './remote-keys.js';
import { aGateway, issuer } from './simulator-for-tests.js';

const now = Date.parse('2026-11-22T10:00:00Z');
const clock = () => now;
const seconds = now / 1_000;
const rules = { issuer, audience: 'money', environment: 'sandbox' as Environment, clock };

async function aReader(changes: Partial<typeof rules> = {}) {
  const gateway = await aGateway(clock);
  const read = createCallerReader({ keys: createLocalJWKSet(gateway.keys), ...rules, ...changes });
  return { ...gateway, read };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('the caller', () => {
  it('[SIM-03] is who the assertion says', async () => {
    const { read, assertionFor } = await aReader();
    expect(await read(await assertionFor('cli_1'))).toEqual({ kind: 'client', clientId: 'cli_1' });
    for (const kind of ['anonymous', 'tollward']) {
      const claims = { sub: kind, token_kind: kind, client_id: undefined };
      expect(await read(await assertionFor('', { claims }))).toEqual({ kind });
    }
  });

  const refused: readonly (readonly [
    string,
    Parameters<Awaited<ReturnType<typeof aGateway>>['assertionFor']>[1],
    RegExp,
  ])[] = [
    ['another type', { header: { typ: 'JWT' } }, /typ/],
    ['another audience', { claims: { aud: 'other' } }, /aud/],
    ['no audience', { claims: { aud: undefined } }, /aud/],
    ['another issuer', { claims: { iss: 'https://localhost:9443' } }, /iss/],
    ['an end in the past', { claims: { iat: seconds - 60, exp: seconds - 6 } }, /exp/],
    ['no end', { claims: { exp: undefined } }, /exp/],
    ['no beginning', { claims: { iat: undefined } }, /iat/],
    ['a beginning in the future', { claims: { iat: seconds + 30 } }, /iat/],
    ['a longer life than a gateway gives', { claims: { iat: seconds - 90, exp: seconds + 3_600 } }, /iat/],
    ['the other environment', { claims: { environment: 'production' } }, /sandbox/],
    ['no environment', { claims: { environment: undefined } }, /sandbox/],
    ['a kind of token that is not known', { claims: { token_kind: 'root' } }, /claims/],
    ['no client', { claims: { client_id: undefined } }, /claims/],
    ['an empty client', { claims: { client_id: '', sub: '' } }, /claims/],
    ['a subject that is another client', { claims: { sub: 'cli_2' } }, /differ/],
    ['a client that calls itself the gateway', { claims: { token_kind: 'tollward' } }, /claims/],
    ['a key that is not published', { header: { kid: 'key-2' } }, /ERR_JWKS_NO_MATCHING_KEY/],
    ['a symmetric signature', { header: { alg: 'HS256' }, key: new Uint8Array(32) }, /ERR_JOSE_ALG_NOT_ALLOWED/],
  ];
  for (const [what, changes, reason] of refused) {
    it(`[SIM-04] is refused with ${what}`, async () => {
      const { read, assertionFor } = await aReader();
      expect(await read(await assertionFor('cli_1', changes))).toEqual({ problem: expect.stringMatching(reason) });
    });
  }

  it('[SIM-04] is refused with a signature by another key', async () => {
    const { read, assertionFor } = await aReader();
    const { privateKey } = await generateKeyPair('ES256');
    const said = await read(await assertionFor('cli_1', { key: privateKey }));
    expect(said).toEqual({ problem: expect.stringMatching(/ERR_JWS_SIGNATURE_VERIFICATION_FAILED/) });
  });

  it('[SIM-04] is refused without a signature, without an assertion, and with anything that is none', async () => {
    const { read, assertionFor } = await aReader();
    const good = await assertionFor('cli_1');
    const [header = '', payload = '', signature = ''] = good.split('.');
    const unsigned = encode({ alg: 'none', typ: 'tollward-assertion+jwt' });
    const other = encode({
      ...JSON.parse(Buffer.from(payload, 'base64url').toString()),
      client_id: 'cli_2',
      sub: 'cli_2',
    });
    const texts = [
      undefined,
      '',
      'cli_1',
      `${unsigned}.${payload}.`,
      `${unsigned}.${payload}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${other}.${signature}`,
      `${good}, ${good}`,
    ];
    for (const text of texts) expect(await read(text)).toEqual({ problem: expect.any(String) });
    expect(await read(good)).toEqual({ kind: 'client', clientId: 'cli_1' });
  });
});

describe('published keys', () => {
  it('[SIM-05] are fetched when they are needed, and again when a new one was published', async () => {
    const [first, second] = [await aGateway(clock), await aGateway(clock, 'key-2')];
    let published = first.keys;
    let asked = 0;
    const server = createServer((_request, answer) => {
      asked += 1;
      answer.end(JSON.stringify(published));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    const read = createCallerReader({ keys: remoteKeys({ url: `http://127.0.0.1:${port}/` }), ...rules });
    expect(asked).toBe(0);
    for (let call = 0; call < 3; call += 1) {
      expect(await read(await first.assertionFor('cli_1'))).toMatchObject({ kind: 'client' });
    }
    expect(asked).toBe(1);

    published = { keys: [...first.keys.keys, ...second.keys.keys] };
    const byNewKey = await second.assertionFor('cli_1');
    expect(await read(byNewKey)).toHaveProperty('problem');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 5_001 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await read(byNewKey)).toMatchObject({ kind: 'client' });
    expect(asked).toBe(2);
  });

  it('are a fault, and no word about the caller, when they can not be had', async () => {
    const { assertionFor } = await aGateway(clock);
    const read = createCallerReader({ keys: remoteKeys({ url: 'http://127.0.0.1:1/' }), ...rules });
    await expect(read(await assertionFor('cli_1'))).rejects.toThrow(/ECONNREFUSED|bad port/);
  });
});
