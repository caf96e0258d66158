import { execFileSync } from 'node:child_process';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startRawUpstream } from '../../testing/raw-upstream.js';
import type { Upstream } from './upstream.js';
import { createUpstreamPools, type UpstreamDescription } from './upstream-pools.js';

async function startPools() {
  const servers = [await startRawUpstream(), await startRawUpstream()] as const;
  const urls: { sandbox: string | undefined; production: string | undefined } = {
    sandbox: servers[0].url,
    production: servers[1].url,
  };
  const seen: unknown[][] = [];
  const pools = createUpstreamPools({
    urlOf: (environment) => urls[environment],
    monotonic: () => 0,
    onAnswered: (...values) => seen.push(['answered', ...values]),
    onProblem: (environment, upstream, { kind }) => seen.push(['problem', environment, upstream, kind]),
  });
  onTestFinished(async () => {
    await pools.destroy();
    for (const server of servers) await server.close();
  });
  return { pools, urls, servers, seen };
}

/** A key and a certificate of it for this name, in one text. */
function makePem(name: string): string {
  const words = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -addext subjectAltName=DNS:${name} -keyout -`;
  return execFileSync('openssl', words.split(' '), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function described(changes: Partial<UpstreamDescription> = {}): UpstreamDescription {
  const seconds = { connectSeconds: 1, answerSeconds: 1, idleSeconds: 1 };
  return { name: 'money', url: undefined, ca: undefined, ...seconds, maximumConnections: 4, ...changes };
}

/** What becomes of a GET. */
function get(upstream: Upstream | undefined, path = '/'): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    upstream?.send(
      { holder: undefined, method: 'GET', path, headers: [], body: null },
      {
        onHead: (status) => {
          text += status;
        },
        onData: (chunk) => {
          text += ` ${chunk.toString('latin1')}`;
          return true;
        },
        onEnd: () => resolve(text),
        onProblem: ({ kind }) => resolve(kind),
      },
    );
  });
}

test('each environment has its own upstream, and what it says is counted by their names', async () => {
  const { pools, servers, seen } = await startPools();
  for (const [index, environment] of (['sandbox', 'production'] as const).entries()) {
    const answered = get(pools.of(environment, described()));
    const connection = await servers[index]?.next();
    connection?.answer(200, environment);
    expect(await answered).toBe(`200 ${environment}`);
  }
  expect(seen).toEqual([
    ['answered', 'sandbox', 'money', 200, 0],
    ['answered', 'production', 'money', 200, 0],
  ]);
});

test('an address of the policy goes before that of the environment, and its path before every path', async () => {
  const { pools, servers } = await startPools();
  const answered = get(pools.of('sandbox', described({ url: `${servers[1].url}/base/` })), '/v1/a?b');
  const connection = await servers[1].next();
  expect(connection.received()).toMatch(/^GET \/base\/v1\/a\?b HTTP\/1\.1\r\n/);
  connection.answer(200, '');
  expect(await answered).toBe('200');
});

test('without an address there is none, until somebody knows one', async () => {
  const { pools, urls, servers } = await startPools();
  const description = described();
  urls.sandbox = undefined;
  expect(pools.of('sandbox', description)).toBeUndefined();
  urls.sandbox = servers[0].url;
  expect(pools.of('sandbox', description)).toBeDefined();
});

test('a policy that was read again and says the same keeps the connections', async () => {
  const { pools } = await startPools();
  const [before, after] = [described(), described()];
  const upstream = pools.of('sandbox', before);
  expect(pools.of('sandbox', after)).toBe(upstream);
  expect(pools.of('sandbox', before), 'for a call that began with the one before').toBe(upstream);
});

test.each([
  { ca: 'renewed' },
  { maximumConnections: 5 },
  { answerSeconds: 2 },
  { idleSeconds: 2 },
  { connectSeconds: 2 },
])('a policy that says %o gets new connections, and a call that began before goes there too', async (changes) => {
  const { pools, servers } = await startPools();
  const before = described();
  const old = pools.of('sandbox', before);
  const answered = get(old);
  const connection = await servers[0].next();
  const fresh = pools.of('sandbox', described(changes));
  expect(fresh).not.toBe(old);
  expect(pools.of('sandbox', before)).toBe(fresh);
  connection.answer(200, 'late');
  expect(await answered, 'what runs ends as it began').toBe('200 late');
  await connection.closed;
});

test('an upstream over TLS is who its authorities say, or is not reached', async () => {
  const { pools, seen } = await startPools();
  const [own, other] = [makePem('localhost'), makePem('localhost')];
  const server = createServer({ key: own, cert: own }, (_request, response) => void response.end('over TLS'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const url = `https://localhost:${port}`;
  expect(await get(pools.of('sandbox', described({ url, ca: own })))).toBe('200 over TLS');
  expect(await get(pools.of('sandbox', described({ url, ca: other })))).toBe('unreachable');
  expect(await get(pools.of('sandbox', described({ url })))).toBe('unreachable');
  expect(await get(pools.of('sandbox', described({ url: `https://127.0.0.1:${port}`, ca: own })))).toBe('unreachable');
  expect(seen).toHaveLength(4);
});

test('more calls than may wait for a connection are told at once, and one that is given up makes room', async () => {
  const { pools, servers, seen } = await startPools();
  const upstream = pools.of('sandbox', described({ maximumConnections: 1, connectSeconds: 60 }));
  if (upstream === undefined) throw new Error('there is no upstream');
  const silent = { onHead: () => undefined, onData: () => true, onEnd: () => undefined, onProblem: () => undefined };
  const request = { holder: undefined, method: 'GET', path: '/', headers: [], body: null };
  const first = get(upstream, '/first');
  const connection = await servers[0].next();
  const waiting = Array.from({ length: 1_000 }, () => upstream.send(request, silent));
  expect(await get(upstream)).toBe('unreachable');
  expect(seen).toEqual([['problem', 'sandbox', 'money', 'unreachable']]);

  for (const call of waiting) call.abort();
  const last = get(upstream, '/last');
  connection.answer(200, '');
  expect(await first).toBe('200');
  await connection.until(/^GET \/last /m);
  connection.answer(200, 'last');
  expect(await last).toBe('200 last');
});
