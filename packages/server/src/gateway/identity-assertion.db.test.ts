import { randomBytes } from 'node:crypto';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { createMasterKey } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { openTestDatabase } from '../testing/database.js';
import { clientId, someClaims, someClient, someTime } from '../testing/facts.js';
import { openSigningKeys, type SigningKeys } from '../tokens/index.js';
import { createIdentityAssertions } from './identity-assertion.js';
import type { AdmittedCall } from './pipeline.js';

const dayMs = 24 * 3_600_000;
const database = await openTestDatabase();
const masterKey = createMasterKey(new SecretValue(Buffer.alloc(32, 1).toString('base64')));
const issuerOf = (environment: string) => `https://api.${environment}.example`;
let signingKeys: SigningKeys;
afterAll(() => database.close());
beforeEach(async () => {
  await database.transaction((tx) => tx.deleteFrom('signing_keys').execute());
  signingKeys = await openSigningKeys({ database, masterKey, random: randomBytes }, someTime);
});

const client = someClient();
const admitted: AdmittedCall = { claims: someClaims(), client };
const anybody: AdmittedCall = { claims: null, client: null };

/** What an upstream does: the published keys of the environment, and every claim that it relies on. */
async function verify(assertion: string, environment: 'sandbox' | 'production', audience: string, now: number) {
  const keys = createLocalJWKSet({ keys: signingKeys.published(environment).map((key) => ({ ...key })) });
  return jwtVerify(assertion, keys, {
    algorithms: ['ES256'],
    typ: 'tollward-assertion+jwt',
    issuer: issuerOf(environment),
    audience,
    currentDate: new Date(now),
    requiredClaims: ['sub', 'iat', 'exp'],
  });
}

function openAssertions(maximumKept?: number) {
  const dependencies = { signingKeys, issuerOf };
  return createIdentityAssertions(maximumKept === undefined ? dependencies : { ...dependencies, maximumKept });
}

describe('an identity assertion', () => {
  test('[GW-40] names client and organisation to the upstream, and is verified with the published keys', async () => {
    const assertion = openAssertions().of('sandbox', 'money', admitted, someTime + 999);
    const { payload } = await verify(assertion, 'sandbox', 'money', someTime);
    expect(payload).toEqual({
      iss: 'https://api.sandbox.example',
      aud: 'money',
      sub: clientId,
      iat: someTime / 1_000,
      exp: someTime / 1_000 + 60,
      environment: 'sandbox',
      token_kind: 'client_credentials',
      client_id: clientId,
      organisation_id: client.organisationId,
    });
  });

  test('of nobody and of Tollward itself name no client', async () => {
    const assertions = openAssertions();
    const common = { aud: 'money', iat: someTime / 1_000, exp: someTime / 1_000 + 60, environment: 'production' };
    for (const [assertion, name] of [
      [assertions.of('production', 'money', anybody, someTime), 'anonymous'],
      [assertions.ofTollward('production', 'money', someTime), 'tollward'],
    ] as const) {
      const { payload } = await verify(assertion, 'production', 'money', someTime);
      expect(payload).toEqual({ ...common, iss: 'https://api.production.example', sub: name, token_kind: name });
    }
  });

  test('[GW-40] is worth nothing at another upstream, in the other environment, as another kind of token, changed, or after a minute', async () => {
    const assertion = openAssertions().of('sandbox', 'money', admitted, someTime);
    await expect(verify(assertion, 'sandbox', 'cards', someTime)).rejects.toThrow('"aud"');
    await expect(verify(assertion, 'production', 'money', someTime)).rejects.toThrow('no applicable key');
    await expect(verify(assertion, 'sandbox', 'money', someTime + 60_000)).rejects.toThrow('"exp"');
    expect(await verify(assertion, 'sandbox', 'money', someTime + 59_000)).toBeDefined();

    const [header, , signature] = assertion.split('.');
    const others = Buffer.from(JSON.stringify({ ...decodeJwt(assertion), sub: 'tollward' })).toString('base64url');
    await expect(verify(`${header}.${others}.${signature}`, 'sandbox', 'money', someTime)).rejects.toThrow('signature');
    const introspection = signingKeys.sign(
      'sandbox',
      { typ: 'token-introspection+jwt' },
      decodeJwt(assertion),
      someTime,
    );
    await expect(verify(introspection, 'sandbox', 'money', someTime)).rejects.toThrow('"typ"');
  });

  test('[GW-41] is signed once for a token and reused for 30 seconds, so it is good for 30 more when it is sent', () => {
    const assertions = openAssertions();
    const first = assertions.of('sandbox', 'money', admitted, someTime);
    expect(assertions.of('sandbox', 'money', admitted, someTime + 29_999)).toBe(first);
    const next = assertions.of('sandbox', 'money', admitted, someTime + 30_000);
    expect(decodeJwt(next).iat).toBe(someTime / 1_000 + 30);
    expect(assertions.of('sandbox', 'money', admitted, someTime + 30_001)).toBe(next);
  });

  test('is signed again after the clock was set back: nobody would believe one from the future', () => {
    const assertions = openAssertions();
    assertions.of('sandbox', 'money', admitted, someTime);
    const next = assertions.of('sandbox', 'money', admitted, someTime - 5_000);
    expect(decodeJwt(next).iat).toBe(someTime / 1_000 - 5);
  });

  test('[GW-41] is never that of another token, client, environment or upstream, and never that of nobody', () => {
    const assertions = openAssertions();
    const other = { claims: someClaims({ tokenId: 'f'.repeat(32) }), client: someClient({ id: 'cli_other' }) };
    const all = [
      assertions.of('sandbox', 'money', admitted, someTime),
      assertions.of('sandbox', 'money', other, someTime),
      assertions.of('production', 'money', admitted, someTime),
      assertions.of('sandbox', 'cards', admitted, someTime),
      assertions.of('sandbox', 'money', anybody, someTime),
      assertions.ofTollward('sandbox', 'money', someTime),
    ].map((assertion) => decodeJwt(assertion));
    expect(all.map(({ sub, aud, environment }) => [environment, aud, sub])).toEqual([
      ['sandbox', 'money', clientId],
      ['sandbox', 'money', 'cli_other'],
      ['production', 'money', clientId],
      ['sandbox', 'cards', clientId],
      ['sandbox', 'money', 'anonymous'],
      ['sandbox', 'money', 'tollward'],
    ]);
  });

  test('outlives a rotation of keys: the old key stays published, and the next assertion has the new one', async () => {
    const assertions = openAssertions();
    const before = assertions.of('sandbox', 'money', admitted, someTime);
    const now = someTime + 10_000;
    await signingKeys.rotate({ environment: 'sandbox', publishSeconds: 0 }, now);
    expect(assertions.of('sandbox', 'money', admitted, now)).toBe(before);
    expect(await verify(before, 'sandbox', 'money', now)).toBeDefined();

    const after = assertions.of('sandbox', 'money', admitted, someTime + 30_000);
    expect(decodeProtectedHeader(after).kid).not.toBe(decodeProtectedHeader(before).kid);
    expect(await verify(after, 'sandbox', 'money', someTime + 30_000)).toBeDefined();
    await signingKeys.maintain(someTime + dayMs);
    expect(await verify(before, 'sandbox', 'money', someTime)).toBeDefined();
  });

  test('is kept for so many tokens, those used last', () => {
    const signed: object[] = [];
    const { of } = createIdentityAssertions({
      signingKeys: { sign: (_environment, _header, claims) => `${signed.push(claims)}` },
      issuerOf,
      maximumKept: 2,
    });
    const one = someClaims({ tokenId: '1' });
    const two = someClaims({ tokenId: '2' });
    const three = someClaims({ tokenId: '3' });
    for (const claims of [one, two, one, three, one, two]) of('sandbox', 'money', { claims, client }, someTime);
    expect(signed).toHaveLength(4);
  });
});
