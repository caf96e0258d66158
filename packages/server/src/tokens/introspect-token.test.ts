import { createHmac } from 'node:crypto';
import { formatSecret } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import type { ClientFacts } from '../clients/index.js';
import { createRandomPool } from '../platform/random.js';
import { createRateLimiter } from '../platform/rate-limiter.js';
import { isRefusal } from '../refusals/index.js';
import {
  certificateId,
  clientId,
  secretId,
  someCertificate,
  someClaims,
  someClient,
  someClients,
  somePeer,
  someSecret,
  someTime,
  someTokenKey,
  someUsage,
  thumbprintOf,
} from '../testing/facts.js';
import { type IntrospectTokenDependencies, introspectToken } from './introspect-token.js';
import { sealToken, type TokenClaims, unsealToken } from './sealed-token.js';

const secret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(1));
const key = someTokenKey(1);
const random = createRandomPool();

function hashOf(text: string): Buffer {
  return createHmac('sha256', 'key').update(text).digest();
}

/** A client that knows `secret`, without mutual TLS so that it may ask over any connection. */
function client(changes: Partial<ClientFacts> = {}): ClientFacts {
  return someClient({ mtlsRequired: false, secrets: [someSecret({ hash: hashOf(secret) })], ...changes });
}

function certificates(changes: Parameters<typeof someCertificate>[0]) {
  const certificate = someCertificate(changes);
  return new Map([[certificate.thumbprint, certificate]]);
}

function tokenOf(changes: Partial<TokenClaims> = {}): string {
  return sealToken('sandbox', someClaims(changes), key, random);
}

interface Question {
  readonly token?: string;
  readonly facts?: ClientFacts;
  readonly confirmed?: ClientFacts;
  readonly withCertificate?: boolean;
}

async function ask({ token = tokenOf(), facts = client(), confirmed = facts, withCertificate = false }: Question) {
  const clients = someClients(facts, confirmed);
  const usage = someUsage();
  const dependencies: IntrospectTokenDependencies = {
    clients,
    usage,
    hmacKeys: { currentVersion: () => 1, hash: (_environment, _version, text) => hashOf(text), learn: () => undefined },
    tokens: { open: (environment, text) => unsealToken(environment, text, (id) => (id === key.id ? key : undefined)) },
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond: 1_000, perMinute: 1_000 },
  };
  const request = {
    environment: 'sandbox',
    peer: withCertificate ? somePeer(thumbprintOf('a')) : 'not-asked',
    address: '127.0.0.1',
    mtlsUrl: 'https://mtls.example',
    authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
    parameters: new Map([['token', token]]),
    now: someTime,
    proof: { proved: undefined },
  } as const;
  const introspection = await introspectToken(request, dependencies);
  if (isRefusal(introspection)) throw new Error(introspection.refusal);
  return { ...introspection, asked: clients.asked, noted: usage.noted };
}

describe('introspection', () => {
  test('tells what a token of the client says while it is in force, without asking the database', async () => {
    expect(await ask({})).toMatchObject({ clientId, active: someClaims(), asked: ['get'] });
    const unbound = someClaims({ binding: null });
    expect(await ask({ token: tokenOf({ binding: null }) })).toMatchObject({ active: unbound });
  });

  test.each([
    ['garbage', { token: 'garbage' }],
    ['a client secret', { token: secret }],
    ['a token of another client', { token: tokenOf({ clientId: `cli_${'0'.repeat(32)}` }) }],
    ['a token of the other environment', { token: sealToken('production', someClaims(), key, random) }],
    ['a token of an unknown key', { token: sealToken('sandbox', someClaims(), someTokenKey(2), random) }],
    ['a token that expires now', { token: tokenOf({ expiresAt: someTime }) }],
    ['a token that was revoked by itself', { facts: client({ revokedTokens: new Set([someClaims().tokenId]) }) }],
    ['a token of an earlier generation', { token: tokenOf({ clientGeneration: 4 }) }],
    ['a token of a certificate that is gone', { facts: client({ certificates: new Map() }) }],
    ['a token of a revoked certificate', { facts: client({ certificates: certificates({ revokedAt: someTime }) }) }],
    [
      'a token of a paused certificate',
      { facts: client({ certificates: certificates({ pausedUntil: someTime + 1 }) }) },
    ],
    [
      'a token of a certificate that is over',
      { facts: client({ certificates: certificates({ notAfter: someTime }) }) },
    ],
    [
      'an unbound token from before mutual TLS was required',
      { token: tokenOf({ binding: null }), facts: client({ mtlsRequired: true }), withCertificate: true },
    ],
  ] satisfies [string, Question][])('says of %s only that it is not active', async (_case, question) => {
    expect(await ask(question)).toMatchObject({ clientId, active: null });
  });

  test('believes a no of the cache no more than any other question does', async () => {
    const behind = client({ generation: 4 });
    expect(await ask({ facts: behind, confirmed: client() })).toMatchObject({
      active: someClaims(),
      asked: ['get', 'confirm'],
    });
  });

  test('counts as a use of the secret and certificate it was asked with', async () => {
    const { noted } = await ask({ token: 'garbage', withCertificate: true });
    expect(noted.map(({ what, use }) => [what, use.credentialId])).toEqual([
      ['used', secretId],
      ['used', certificateId],
    ]);
  });
});
