// The life of a client secret as its partner sees it over the wire.

import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  aClient,
  askManagement,
  aToken,
  basic,
  callPlayground,
  describeClient,
  endSecretOf,
  requestToken,
  rotate,
  secretIdOf,
  type TestClient,
  tryToRotate,
} from '@tollward/server/testing';
import { describe, expect, test } from 'vitest';
import { outcomeOf, outcomeWith } from './support/outcome.js';
import { startSharedServer } from './support/shared-server.js';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;
const { server, start } = await startSharedServer();

const playground = async (client: TestClient, token: string) => outcomeOf(await callPlayground(server, client, token));
const tokenOutcome = async (client: TestClient, changes: Parameters<typeof requestToken>[2] = {}) =>
  outcomeOf(await requestToken(server, client, changes));
const stateOf = async (client: TestClient) => {
  const id = await secretIdOf(server, client);
  return (await describeClient(server, client)).secrets.find((secret) => secret.id === id);
};

describe('a client secret', () => {
  test('[SEC-01] has the published form', async () => {
    const text = readFileSync(new URL('../docs/secret-format.md', import.meta.url), 'utf8');
    const published = /^\\b(tlw_\S+)\\b$/m.exec(text)?.[1] ?? 'none';
    for (const environment of ['sandbox', 'production'] as const) {
      const { secret } = await aClient(server, { environment, withCertificate: false });
      expect(secret).toMatch(new RegExp(`^${published}$`));
    }
  });

  test('[SEC-02] is shown once: nothing that operators see has it again', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client);
    const shown = await askManagement(server, { method: 'GET', path: `/clients/${client.clientId}` });
    expect(shown.status).toBe(200);
    for (const { secret } of [client, rotated]) {
      expect(shown.text).toContain(secret.slice(-4));
      expect(shown.text).not.toContain(secret.slice(-8));
      expect(shown.text).not.toContain(secret.slice(11, 19));
    }
  });

  test('[SEC-03] is valid without end until it is replaced or revoked', async () => {
    const client = await aClient(server, { mtlsRequired: false, withCertificate: false });
    server.time.now = start + 20 * hourMs;
    expect(await tokenOutcome(client)).toBe(200);
    server.time.now = start + 30 * yearMs;
    // Refused for what comes after the secret.
    expect(await tokenOutcome(client, { body: 'grant_type=password' })).toBe('grant_type_unsupported');
    const wrong = basic(client.clientId, `${client.secret}x`);
    const refused = { body: 'grant_type=password', headers: { authorization: wrong } };
    expect(await tokenOutcome(client, refused)).toBe('client_authentication_failed');
  });

  test('[SEC-04] with any one byte changed is refused, as is a longer or a shorter one', async () => {
    const client = await aClient(server);
    const { secret } = client;
    const changed = [...secret].map((old, place) => {
      const others = [...'abcXYZ019_!~'].filter((letter) => letter !== old);
      return secret.slice(0, place) + others[randomInt(others.length)] + secret.slice(place + 1);
    });
    const flipped = [...secret].map((old, place) => {
      const other = old === old.toLowerCase() ? old.toUpperCase() : old.toLowerCase();
      return secret.slice(0, place) + other + secret.slice(place + 1);
    });
    const wrong = [
      ...changed,
      ...flipped,
      `${secret}a`,
      `a${secret}`,
      ` ${secret}`,
      `${secret} `,
      secret.slice(0, -1),
      '',
    ];
    const outcomes = await Promise.all(
      wrong
        .filter((text) => text !== secret)
        .map((text) => tokenOutcome(client, { headers: { authorization: basic(client.clientId, text) } })),
    );
    expect(outcomes.length).toBeGreaterThan(2 * 43);
    expect(new Set(outcomes)).toEqual(new Set(['client_authentication_failed']));
    expect(await outcomeWith(server, client)).toBe(200);
  });

  for (const [environment, other] of [
    ['sandbox', 'production'],
    ['production', 'sandbox'],
  ] as const) {
    test(`[SEC-05] of ${other} is refused by ${environment} with a text that says so, from its prefix alone`, async () => {
      const client = await aClient(server, { environment: other });
      const stranger = await aClient(server, { environment });
      for (const clientId of [client.clientId, stranger.clientId, `cli_${'0'.repeat(32)}`, 'nobody']) {
        const answer = await requestToken(server, client, {
          environment,
          identity: stranger.identity,
          headers: { authorization: basic(clientId, client.secret) },
        });
        expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
        expect(answer.json['error_description']).toBe(
          `This client secret is of the ${other} environment and this is ${environment}: use a secret of ${environment}, or the host of ${other}.`,
        );
        expect(outcomeOf(answer)).toBe('secret_other_environment');
      }
      // One that never was is told the same; one that is mistyped is not.
      const { secret } = await aClient(server, { environment: other, withCertificate: false });
      const mistyped = basic(stranger.clientId, `${secret.slice(0, -1)}${secret.endsWith('a') ? 'b' : 'a'}`);
      expect(await tokenOutcome(stranger, { headers: { authorization: mistyped } })).toBe(
        'client_authentication_failed',
      );
    });
  }
});

describe('a rotation', () => {
  test('[SEC-06] [DEC-09] gives a second secret, and both get tokens until the overlap ends', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client, { overlapSeconds: 3_600 });
    expect(rotated.secret).not.toBe(client.secret);
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual([200, 200]);
    server.time.now = start + hourMs - 1;
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual([200, 200]);
    server.time.now = start + hourMs;
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual(['secret_replaced', 200]);
  });

  test('[SEC-06] has an overlap of 24 hours unless another is asked for, of at most 7 days', async () => {
    const client = await aClient(server);
    const path = `/clients/${client.clientId}/secrets`;
    const overlong = { method: 'POST', path, body: { overlapSeconds: 7 * 86_400 + 1 } } as const;
    expect((await askManagement(server, overlong)).status).toBe(400);
    expect((await askManagement(server, { method: 'POST', path, body: {} })).status).toBe(201);
    expect((await stateOf(client))?.usableUntil?.getTime()).toBe(start + 24 * hourMs);
  });

  test('[SEC-07] ends no token: those of the old secret run out by themselves', async () => {
    const client = await aClient(server);
    const token = await aToken(server, client);
    await rotate(server, client, { overlapSeconds: 3_600 });
    const late = await aToken(server, client);
    server.time.now = start + hourMs + 1;
    expect(await outcomeWith(server, client)).toBe('secret_replaced');
    expect([await playground(client, token), await playground(client, late)]).toEqual([200, 200]);
    server.time.now = start + 12 * hourMs;
    expect(await playground(client, token)).toBe('token_expired');
  });

  test('[SEC-08] leaves at most two secrets live: a second one waits, or ends the oldest when forced', async () => {
    const first = await aClient(server);
    const second = await rotate(server, first);
    expect(await tryToRotate(server, first)).toBe('open');
    expect([await outcomeWith(server, first), await outcomeWith(server, second)]).toEqual([200, 200]);
    const third = await rotate(server, first, { force: true });
    const outcomes = [first, second, third].map((client) => outcomeWith(server, client));
    expect(await Promise.all(outcomes)).toEqual(['secret_replaced', 200, 200]);
    server.time.now = start + 24 * hourMs;
    const open = await tryToRotate(server, first);
    expect(open).toMatchObject({ clientId: first.clientId });
  });

  test('[SEC-09] ends early on request, at once and without a token lost', async () => {
    const client = await aClient(server);
    const token = await aToken(server, client);
    const rotated = await rotate(server, client);
    expect(await endSecretOf(server, client)).toMatchObject({ ok: true });
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual(['secret_replaced', 200]);
    expect(await playground(client, token)).toBe(200);
    expect(await tryToRotate(server, rotated)).toMatchObject({ clientId: client.clientId });
  });

  test('[SEC-09] without an overlap ends the old secret with the answer', async () => {
    const client = await aClient(server);
    const rotated = await rotate(server, client, { overlapSeconds: 0 });
    expect([await outcomeWith(server, client), await outcomeWith(server, rotated)]).toEqual(['secret_replaced', 200]);
  });
});
