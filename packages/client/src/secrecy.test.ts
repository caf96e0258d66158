// What anybody may print: the client, its tokens, its errors with their causes, its events.

import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import * as errors from './errors.js';
import {
  aPartnerClient,
  errorOf,
  invalidToken,
  startApi,
  stopLoopback,
  theSecret,
  tokenReply,
} from './loopback-for-tests.js';
import { redact } from './observe/redact.js';
import { plainCause } from './plain-cause.js';

afterEach(stopLoopback);

const tokenValue = 'opaque.token/value+of==the-test';
const basic = Buffer.from(`client-1:${theSecret}`).toString('base64');

/** As JSON that hides its text from who searches for it. */
function escaped(text = ''): string {
  return `"${Array.from(text, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;
}

function allViews(value: unknown): string {
  return [
    inspect(value, { depth: null, showHidden: true }),
    inspect(value, { depth: null, showHidden: true, customInspect: false }),
    JSON.stringify(value) ?? '',
    String(value),
  ].join('\n');
}

function expectNoSecret(value: unknown): void {
  const views = allViews(value);
  for (const secret of [theSecret, tokenValue, basic]) expect(views).not.toContain(secret);
}

describe('[SDK-52] no secret shows', () => {
  test('in a client, before and after its calls', async () => {
    const api = await startApi({ answerToken: () => tokenReply(tokenValue) });
    for (const clientSecret of [theSecret, () => theSecret]) {
      const client = aPartnerClient(api, { clientSecret });
      expectNoSecret(client);
      await client.get('/v1/x');
      expectNoSecret(client);
      expectNoSecret(client.dispatcher);
      expect(inspect(client)).toContain('client-1');
      expect(JSON.parse(JSON.stringify(client))).toEqual({
        origin: api.url,
        clientId: 'client-1',
        mtls: false,
        closed: false,
      });
    }
  });

  test('in a token, which has its value for who asks', async () => {
    const api = await startApi({ answerToken: () => tokenReply(tokenValue) });
    const client = aPartnerClient(api);
    const token = await client.token();
    expect(token.value).toBe(tokenValue);
    expectNoSecret(token);
    expectNoSecret({ token, list: [token] });
    await client.job({ minimumRemainingSeconds: 1 }, async (job) => {
      expectNoSecret(job);
      expect(job.token.value).toBe(tokenValue);
    });
  });

  test('in an answer, whether it is a success or an error', async () => {
    const api = await startApi({
      answerToken: () => tokenReply(tokenValue),
      answer: ({ target }) => (target.endsWith('refused') ? invalidToken : { body: {} }),
    });
    const client = aPartnerClient(api);
    expectNoSecret(await client.get('/v1/x'));
    expectNoSecret(await errorOf(client.get('/v1/refused')));
  });

  test.each<[string, Parameters<typeof startApi>[0], Parameters<typeof aPartnerClient>[1]]>([
    ['a broken connection', { answer: () => 'reset' }, {}],
    [
      'a refusal that repeats the token',
      { answer: ({ headers }) => ({ status: 403, body: `no: ${headers.authorization}` }) },
      {},
    ],
    ['a time-out', { answer: () => 'never' }, { timeoutMs: 50 }],
    ['a token request that breaks', { answerToken: () => 'reset' }, { retry: { maximumDelayMs: 1 } }],
    [
      'a refusal that repeats the token in the escapes of JSON',
      {
        answer: ({ headers }) => ({
          status: 403,
          headers: { 'content-type': 'application/json' },
          body: `{"message":${escaped(headers.authorization)},${escaped(headers.authorization)}:[${escaped(headers.authorization)}]}`,
        }),
      },
      {},
    ],
    [
      'a refusal that repeats the token in escapes, and is called text',
      {
        answer: ({ headers }) => ({
          status: 403,
          headers: { 'content-type': 'text/plain' },
          body: headers.authorization?.replaceAll('/', '\\/'),
        }),
      },
      {},
    ],
    [
      'a success that can not be read and repeats the token in its headers',
      {
        answer: ({ headers }) => ({
          headers: {
            'content-type': 'application/json',
            'x-echo': String(headers.authorization),
            'x-trace-id': String(headers.authorization),
          },
          body: '{',
        }),
      },
      {},
    ],
    [
      'a token request that is refused with what it sent',
      {
        answerToken: ({ headers }) => ({ status: 400, body: { error: 'x', error_description: headers.authorization } }),
      },
      {},
    ],
    [
      'too many token requests',
      {
        answerToken: ({ headers }) => ({ status: 429, headers: { 'retry-after': '99' }, body: headers.authorization }),
      },
      {},
    ],
    [
      'a vault that fails',
      {},
      {
        clientSecret: () => {
          throw Object.assign(new Error('vault'), { config: { headers: { 'x-vault-token': theSecret } } });
        },
      },
    ],
    ['an unusable secret', {}, { clientSecret: () => `${theSecret}\n${theSecret}` }],
  ])('in the error of %s', async (_, loopback, changes) => {
    const api = await startApi({ answerToken: () => tokenReply(tokenValue), ...loopback });
    const error = await errorOf(aPartnerClient(api, changes).post('/v1/x', {}));
    expect(error).toBeInstanceOf(errors.PartnerClientError);
    expectNoSecret(error);
    expect(allViews(error)).not.toContain(tokenValue.replaceAll('/', '\\/'));
  });

  test('as a trace id, which some answers repeat it in', async () => {
    const events: unknown[] = [];
    const api = await startApi({
      answerToken: () => tokenReply(tokenValue),
      answer: ({ headers }) => ({ headers: { 'x-trace-id': String(headers.authorization) }, body: {} }),
    });
    const client = aPartnerClient(api, { onEvent: (event) => events.push(event) });
    expect((await client.get('/v1/x')).traceId).toBe('Bearer ***');
    await client.fetch('/v1/x');
    expectNoSecret(events);
  });
});

describe('every kind of error', () => {
  const answer = { status: 400, headers: {}, body: undefined };
  const all: errors.PartnerClientError[] = [
    new errors.ConfigurationError('m'),
    new errors.EnvironmentMismatchError('m'),
    new errors.CertificateError('m'),
    new errors.TlsError('m'),
    new errors.ConnectionError('m', { mayHaveArrived: true }),
    new errors.TimeoutError('m', { mayHaveArrived: true }),
    new errors.TokenError('m'),
    new errors.ApiError('m', answer),
    new errors.RateLimitedError('m', { ...answer, retryAfterMs: undefined }),
    new errors.ScaRequiredError('m', { ...answer, oneTimeToken: 'x' }),
    new errors.ClientClosedError(),
  ];

  test('has a kind of its own, its name, and is one of the package', () => {
    expect(new Set(all.map(({ kind }) => kind)).size).toBe(all.length);
    for (const error of all) {
      expect(error).toBeInstanceOf(errors.PartnerClientError);
      expect(String(error)).toMatch(new RegExp(`^${error.name}: `));
      expect(error.name).toBe(error.constructor.name);
    }
  });
});

describe('the cause of an error', () => {
  test('[SDK-52] keeps name, code and message of what others threw, and nothing else', () => {
    const raw = Object.assign(new Error(`refused tlw_prd_cs_${'a'.repeat(49)} ${theSecret}`), {
      name: 'SocketError',
      code: 'UND_ERR_SOCKET',
      socket: { options: { key: 'PRIVATE' } },
      cause: new Error('PRIVATE'),
    });
    const cause = plainCause(raw, [theSecret]);
    expect(cause).toMatchObject({ name: 'SocketError', code: 'UND_ERR_SOCKET', message: 'refused tlw_prd_cs_*** ***' });
    expect(allViews(cause)).not.toContain('PRIVATE');
  });

  test('[SDK-52] is never the error of a socket itself', async () => {
    const api = await startApi({ answer: () => 'reset' });
    const error = await errorOf(aPartnerClient(api).post('/v1/x', {}));
    expect(error).toHaveProperty('cause.code', expect.any(String));
    const { cause } = error as Error;
    expect(Reflect.ownKeys(cause as Error).toSorted()).toEqual(['code', 'message', 'name', 'stack']);
  });

  test('is nothing for what is no error', () => {
    expect(plainCause('text')).toBeUndefined();
  });
});

test('redact() leaves a text alone when there is no secret', () => {
  expect(redact('nothing to hide', ['', theSecret])).toBe('nothing to hide');
});
