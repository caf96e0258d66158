// The partner's client against the real server, over mutual TLS and real sockets.

import { get } from 'node:https';
import { inspect } from 'node:util';
import { type ClientEvent, EnvironmentMismatchError, PartnerClient, type PartnerClientOptions } from '@tollward/client';
import type { PlaygroundResponse } from '@tollward/protocol';
import {
  aClient,
  addCertificate,
  basic,
  type ClientIdentity,
  call,
  changePolicy,
  endCertificate,
  endSecretOf,
  explain,
  identityOf,
  rotate,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { afterAll, afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';

const server = await startTestServer();
const start = server.time.now;
afterEach(() => {
  server.time.now = start;
  vi.useRealTimers();
});
afterAll(() => server.stop());

const playground = '/v1/authenticated/playground';
const hourMs = 3_600_000;

interface Partner {
  readonly client: PartnerClient;
  readonly events: readonly ClientEvent[];
}

function partner(of: TestClient, changes: Partial<PartnerClientOptions> = {}): Partner {
  const events: ClientEvent[] = [];
  const { cert, key } = of.identity ?? { cert: '', key: '' };
  const client = new PartnerClient({
    environment: { baseUrl: server.urlOf('sandbox', 'api-mtls'), name: 'sandbox' },
    clientId: of.clientId,
    clientSecret: of.secret,
    mtls: { cert, key },
    ca: server.caOf('sandbox'),
    issuedFor: 'sandbox',
    onEvent: (event) => events.push(event),
    ...changes,
  });
  onTestFinished(() => client.close());
  return { client, events };
}

/** The server kills a token for its next call. */
async function revoke(of: TestClient, token: string): Promise<void> {
  const answer = await call(server, {
    method: 'POST',
    path: '/oauth/revoke',
    identity: of.identity,
    headers: {
      authorization: basic(of.clientId, of.secret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ token }).toString(),
  });
  expect(answer.status).toBe(200);
}

/** What the call rejects with. */
async function refusalOf(work: Promise<unknown>): Promise<unknown> {
  const [settled] = await Promise.allSettled([work]);
  return settled?.status === 'rejected' ? settled.reason : undefined;
}

describe('the client of a partner', () => {
  test('[SDK-64] gets a token over mutual TLS and calls with it', async () => {
    const of = await aClient(server);
    const { client } = partner(of);
    const { body, traceId, correlationId, headers } = await client.get<PlaygroundResponse>(playground);
    expect(body).toMatchObject({
      authenticated: true,
      clientId: of.clientId,
      certificateThumbprint: identityOf(of).thumbprint,
    });
    expect(traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(headers['x-external-correlation-id']).toBe(correlationId);
    expect(await client.checkCertificate()).toMatchObject({ thumbprint: identityOf(of).thumbprint });
  });

  test('[SDK-52] shows no key, secret or token when it is printed, nor do its connections', async () => {
    const of = await aClient(server);
    const { client } = partner(of);
    const { value } = await client.token();
    const agent = client.httpsAgent();
    await new Promise((resolve, reject) => {
      get(`${server.urlOf('sandbox', 'api-mtls')}${playground}`, { agent }, resolve).on('error', reject);
    });
    const views = [client, client.dispatcher, agent].map((shown) => inspect(shown, { depth: null, showHidden: true }));
    const keyLine = identityOf(of).key.split('\n')[1] ?? '';
    expect(keyLine).toHaveLength(64);
    for (const secret of [keyLine, of.secret, value]) {
      for (const view of [...views, JSON.stringify(client)]) expect(view).not.toContain(secret);
    }
  });

  test('[SDK-64] gives others its connections and its token', async () => {
    const of = await aClient(server);
    const { client } = partner(of);
    const { value } = await client.token();
    const { statusCode, body } = await client.dispatcher.request({
      origin: server.urlOf('sandbox', 'api-mtls'),
      path: playground,
      method: 'GET',
      headers: { authorization: `Bearer ${value}` },
    });
    expect([statusCode, await body.json()]).toMatchObject([200, { clientId: of.clientId }]);
    expect(await (await client.fetch(playground)).json()).toMatchObject({ clientId: of.clientId });
  });

  test('[SDK-51] gets a new token when the old one was revoked or expired, and keeps the correlation id', async () => {
    const of = await aClient(server);
    const { client, events } = partner(of);
    await revoke(of, (await client.token()).value);
    const correlationId = 'payout-2026-09-14';
    const { headers } = await client.get(playground, { correlationId });
    expect(headers['x-external-correlation-id']).toBe(correlationId);
    server.time.now = start + 13 * hourMs;
    expect((await client.get(playground)).status).toBe(200);
    const retries = events.filter((event) => event.type === 'retry');
    expect(retries).toMatchObject([{ reason: 'invalid_token', correlationId }, { reason: 'invalid_token' }]);
  });

  test('[SDK-43] renews its token before it ends, in the background of a call', async () => {
    const { client, events } = partner(await aClient(server));
    const first = await client.token();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 11 * hourMs });
    expect((await client.token()).value).toBe(first.value);
    await vi.waitFor(() => expect(events.filter(({ type }) => type === 'token:fetched')).toHaveLength(2));
    expect((await client.token()).value).not.toBe(first.value);
    expect((await client.get(playground)).status).toBe(200);
  });

  test('[SDK-49] goes on through a rotation of its secret', async () => {
    const of = await aClient(server);
    let current = of;
    const { client } = partner(of, { clientSecret: () => current.secret });
    const before = await client.token();
    const after = await rotate(server, of, { overlapSeconds: 3_600 });
    expect((await client.token({ fresh: true })).value).not.toBe(before.value);
    await endSecretOf(server, of);
    expect(await refusalOf(client.token({ fresh: true }))).toMatchObject({ kind: 'token', code: 'invalid_client' });
    expect((await client.get(playground)).status).toBe(200);
    current = after;
    // After a refusal the endpoint is left alone for some seconds.
    const later = performance.now() + 5_000;
    const clock = vi.spyOn(performance, 'now').mockReturnValue(later);
    onTestFinished(() => clock.mockRestore());
    expect((await client.token({ fresh: true })).value).not.toBe(before.value);
  });

  test('[SDK-49] reads its secret again when it was rotated between reading and sending', async () => {
    const of = await aClient(server);
    const after = await rotate(server, of, { overlapSeconds: 0 });
    const secrets = [of.secret];
    const { client } = partner(of, { clientSecret: () => secrets.pop() ?? after.secret });
    expect((await client.get(playground)).status).toBe(200);
  });

  test('[SDK-50] has another token for another certificate, and a job keeps both', async () => {
    const of = await aClient(server);
    let identity: ClientIdentity = identityOf(of);
    const { client } = partner(of, { mtls: { cert: () => identity.cert, key: () => identity.key } });
    const first = await client.token();
    const second = await addCertificate(server, of);
    await client.job({ minimumRemainingSeconds: 60 }, async (job) => {
      identity = second;
      await client.reload();
      const { body } = await job.get<PlaygroundResponse>(playground);
      expect(body.certificateThumbprint).toBe(first.certificateThumbprint);
    });
    const { body } = await client.get<PlaygroundResponse>(playground);
    expect(body.certificateThumbprint).toBe(second.thumbprint);
    expect(await client.token()).toMatchObject({ certificateThumbprint: second.thumbprint });
    expect(await refusalOf(client.get(playground, { token: first }))).toMatchObject({ code: 'other-certificate' });
    await endCertificate(server, identityOf(of));
    expect((await client.get(playground)).status).toBe(200);
  });

  test('[SDK-47] asks once for a token that many calls lost at once', async () => {
    const of = await aClient(server);
    const { client, events } = partner(of);
    await revoke(of, (await client.token()).value);
    await Promise.all(Array.from({ length: 20 }, () => client.get(playground)));
    expect(events.filter(({ type }) => type === 'token:fetched')).toHaveLength(2);
  });
});

describe('a refusal', () => {
  /** What the operator is told about the refusal that `error` is. */
  async function explained(error: unknown): Promise<unknown> {
    expect(error).toHaveProperty('traceId', expect.stringMatching(/^[0-9a-f]{32}$/));
    const { traceId } = error as { traceId: string };
    return explain(server, { status: 0, headers: { 'x-trace-id': traceId }, text: '', json: {} });
  }

  test('[SDK-56] of a token request is a TokenError that can be explained', async () => {
    const of = await aClient(server);
    const other = await aClient(server);
    const { cert, key } = identityOf(other);
    const { client } = partner(of, { mtls: { cert, key } });
    const error = await refusalOf(client.get(playground));
    expect(error).toMatchObject({ kind: 'token', isRetryable: false });
    expect(String(error)).toContain('certificate_not_registered');
    expect(await explained(error)).toMatchObject({ code: 'certificate_not_registered' });
  });

  test('[SDK-56] of a call is an ApiError with the code of the refusal, that can be explained', async () => {
    const { client } = partner(await aClient(server));
    const error = await refusalOf(client.get('/v1/nothing'));
    expect(error).toMatchObject({ kind: 'api', status: 404, code: 'route_unknown', correlationId: expect.any(String) });
    expect(await explained(error)).toMatchObject({ code: 'route_unknown' });
  });

  test('[SDK-36] for too many requests is a RateLimitedError with the wait', async () => {
    const of = await aClient(server);
    await changePolicy(server, of, { limits: { perSecond: 1, perMinute: 1 } });
    const { client } = partner(of, { retry: { attempts: 1 } });
    const errors = await Promise.all(Array.from({ length: 5 }, () => refusalOf(client.get(playground))));
    expect(errors).toContainEqual(
      expect.objectContaining({ kind: 'rate-limited', status: 429, retryAfterMs: expect.any(Number) }),
    );
  });

  test('[SDK-32] of credentials of the other environment needs no network', async () => {
    const of = await aClient(server);
    const elsewhere = await aClient(server, { environment: 'production' });
    const lines = server.logLines.length;
    expect(() => partner(of, { clientSecret: elsewhere.secret })).toThrow(EnvironmentMismatchError);
    expect(() => partner(of, { issuedFor: 'production' })).toThrow(EnvironmentMismatchError);
    const { client } = partner(of, { clientSecret: () => elsewhere.secret });
    expect(await refusalOf(client.get(playground))).toMatchObject({ kind: 'environment-mismatch' });
    expect(server.logLines).toHaveLength(lines);
  });
});
