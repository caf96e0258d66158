import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { formatSecret } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { createRandomPool } from '../../platform/random.js';
import { createRateLimiter } from '../../platform/rate-limiter.js';
import { catalogue, isRefusal, publicText } from '../../refusals/index.js';
import {
  clientId,
  someClient,
  someClients,
  somePeer,
  someSecret,
  someTime,
  someTokenKey,
  someUsage,
  thumbprintOf,
} from '../../testing/facts.js';
import { type Exchange, openConnection } from './exchange.js';
import { createTokenRoute } from './oauth-token.js';
import type { RequestHead } from './request-head.js';

const secret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(1));
const wrongSecret = formatSecret('sandbox', 'cs', new Uint8Array(32).fill(2));
const startedAt = 5_000;
const form = 'application/x-www-form-urlencoded';

function hashOf(text: string): Buffer {
  return createHmac('sha256', 'key').update(text).digest();
}

function basicOf(id: string, password: string): string {
  return `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}`;
}

interface Request {
  readonly head?: Partial<RequestHead>;
  readonly body?: string;
  readonly peer?: Exchange['connection']['peer'];
}

function setUp(waitUntil: (at: number) => Promise<void> = async () => undefined) {
  const waits: number[] = [];
  const issued: string[] = [];
  const key = someTokenKey(1);
  const route = createTokenRoute({
    clients: someClients(someClient({ secrets: [someSecret({ hash: hashOf(secret) })] })),
    hmacKeys: { currentVersion: () => 1, hash: (_environment, _version, text) => hashOf(text), learn: () => undefined },
    tokenKeys: { current: () => key, find: () => key, reload: async () => undefined },
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond: 1_000, perMinute: 1_000 },
    random: createRandomPool(),
    newTokenId: () => '0'.repeat(32),
    waitUntil: (at) => {
      waits.push(at);
      return waitUntil(at);
    },
    onIssued: (grantType) => issued.push(grantType),
    usage: someUsage(),
    clock: () => someTime,
  });
  const send = async ({
    head,
    body = 'grant_type=client_credentials',
    peer = somePeer(thumbprintOf('a')),
  }: Request) => {
    const chunks = body === '' ? [] : [Buffer.from(body)];
    const exchange: Exchange = {
      environment: 'sandbox',
      listener: 'api-mtls',
      mtlsUrl: 'https://mtls.example',
      request: Readable.from(chunks, { objectMode: false }) as unknown as IncomingMessage,
      response: {} as ServerResponse,
      traceId: '0'.repeat(32),
      receivedAt: someTime,
      startedAt,
      connection: openConnection({ text: '192.0.2.1', limitKey: '192.0.2.1' }, peer),
      head: undefined,
      route: undefined,
      forwarding: undefined,
      settled: false,
    };
    const answer = await route.handle(exchange, {
      path: '/oauth/token',
      query: undefined,
      authorization: basicOf(clientId, secret),
      contentType: form,
      contentEncoding: undefined,
      contentLength: undefined,
      acceptsGzip: false,
      accept: undefined,
      correlationId: undefined,
      hasBody: true,
      expectsContinue: false,
      asksToUpgrade: false,
      ...head,
    });
    if (isRefusal(answer)) {
      expect(publicText(catalogue[answer.refusal].text, answer.parameters)).not.toMatch(/[{}]/);
    }
    return answer;
  };
  return { send, waits, issued };
}

const unknownClient = { head: { authorization: basicOf(`cli_${'0'.repeat(32)}`, wrongSecret) } };
const wrongPassword = { head: { authorization: basicOf(clientId, wrongSecret) } };

describe('the token endpoint', () => {
  test('answers a good request with JSON that nobody may keep, and counts it', async () => {
    const { send, issued } = setUp();
    const answer = await send({});
    if (isRefusal(answer)) throw new Error(answer.refusal);
    expect(answer).toMatchObject({
      status: 200,
      clientId,
      // It would be packed for a caller that asks for it.
      headers: ['cache-control', 'no-store', 'pragma', 'no-cache', 'vary', 'accept-encoding'],
    });
    expect(JSON.parse(String(answer.body))).toMatchObject({ token_type: 'bearer' });
    expect(issued).toEqual(['client_credentials']);
  });

  test('packs the answer for a client that asks for gzip', async () => {
    const answer = await setUp().send({ head: { acceptsGzip: true } });
    if (isRefusal(answer) || typeof answer.body === 'string') throw new Error('not packed');
    expect(JSON.parse(gunzipSync(answer.body).toString('utf8'))).toMatchObject({ token_type: 'bearer' });
    expect(answer.headers).toEqual(expect.arrayContaining(['vary', 'accept-encoding', 'content-encoding', 'gzip']));
  });

  test('keeps a wrong secret and an unknown client waiting for the same moment, and counts neither', async () => {
    const { send, waits, issued } = setUp();
    expect(await send(unknownClient)).toMatchObject({ refusal: 'client_authentication_failed' });
    expect(await send(wrongPassword)).toMatchObject({ refusal: 'client_authentication_failed' });
    expect(await send({ head: { authorization: undefined } })).toMatchObject({
      refusal: 'client_authentication_failed',
    });
    expect(waits).toEqual([startedAt + 50, startedAt + 50, startedAt + 50]);
    expect(issued).toEqual([]);
  });

  test('answers a failed authentication only when the wait is over', async () => {
    let over = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      over = resolve;
    });
    const order: string[] = [];
    const { send, waits } = setUp(() => waiting);
    const answered = send(wrongPassword).then(() => order.push('answered'));
    while (waits.length === 0) await new Promise(setImmediate);
    order.push('over');
    over();
    await answered;
    expect(order).toEqual(['over', 'answered']);
  });

  test('keeps nobody waiting whose secret was right: success, certificate and grant refusals', async () => {
    const { send, waits } = setUp();
    expect(await send({})).toHaveProperty('body');
    expect(await send({ peer: null })).toMatchObject({ refusal: 'certificate_missing' });
    expect(await send({ peer: 'not-asked' })).toMatchObject({ refusal: 'mtls_required' });
    expect(await send({ body: 'grant_type=password' })).toMatchObject({ refusal: 'grant_type_unsupported' });
    expect(waits).toEqual([]);
  });

  test.each([
    ['a query string', { head: { query: 'grant_type=client_credentials' } }, 'parameter_in_query'],
    ['an announced body over 8 KiB', { head: { contentLength: 8_193 } }, 'body_too_large'],
    ['a body over 8 KiB', { body: `a=${'x'.repeat(8_192)}` }, 'body_too_large'],
    ['JSON', { head: { contentType: 'application/json' }, body: '{}' }, 'body_not_form'],
    ['no content type', { head: { contentType: undefined } }, 'body_not_form'],
    ['a packed body', { head: { contentEncoding: 'gzip' } }, 'body_not_form'],
    ['a broken escape', { body: 'grant_type=%zz' }, 'body_not_form'],
    ['a repeated parameter', { body: 'grant_type=a&grant_type=b' }, 'parameter_repeated'],
    ['no parameters', { body: '' }, 'grant_type_missing'],
    ['no parameters and no content type', { body: '', head: { contentType: undefined } }, 'grant_type_missing'],
    ['an empty grant type', { body: 'grant_type=' }, 'grant_type_missing'],
  ])('refuses %s', async (_case, request: Request, refusal) => {
    expect(await setUp().send(request)).toMatchObject({ refusal });
  });

  test('takes an empty query and an identity encoding for what they are: nothing', async () => {
    const answer = await setUp().send({ head: { query: '', contentEncoding: 'Identity' } });
    expect(answer).toHaveProperty('status', 200);
  });

  test('judges the form before it looks at the secret, and never repeats what was sent', async () => {
    const pasted = 'tlw_sbx_cs_pasted-into-the-wrong-place';
    const { send, waits } = setUp();
    const wrongPlaces: Request[] = [
      { head: { query: `client_secret=${pasted}` } },
      { head: { contentType: `text/${'x'.repeat(80)} ${pasted}` } },
      { head: { contentEncoding: pasted } },
      { body: `${pasted}%20=1&${pasted}%20=2` },
      { body: `grant_type=${pasted}%20` },
    ];
    for (const request of wrongPlaces) expect(JSON.stringify(await send(request))).not.toContain(pasted);
    expect(waits).toEqual([]);
  });
});
