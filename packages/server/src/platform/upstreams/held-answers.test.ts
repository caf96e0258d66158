// Answers that are held back because their caller reads slowly, while something happens to their connection. undici asserts,
// where nobody can catch it, that nothing is held back then: Vitest reports that as an error of the run.

import { describe, expect, onTestFinished, test } from 'vitest';
import { startRawUpstream } from '../../testing/raw-upstream.js';
import { openUpstream, type Upstream, type UpstreamCall } from './upstream.js';
import type { UpstreamProblem } from './upstream-problem.js';

const piece = 'x'.repeat(50_000);

async function setUp(maximumConnections = 10) {
  const server = await startRawUpstream();
  const upstream = openUpstream({
    url: server.url,
    ca: undefined,
    connectMs: 1_000,
    answerMs: 60_000,
    idleMs: 60_000,
    maximumConnections,
    monotonic: () => 0,
    onAnswered: () => undefined,
    onProblem: () => undefined,
  });
  onTestFinished(async () => {
    await upstream.destroy();
    await server.close();
  });
  return { server, upstream };
}

interface Held {
  readonly call: UpstreamCall;
  /** Resolves when the first piece is there, and held back. */
  readonly begun: Promise<void>;
  readonly outcome: Promise<string | UpstreamProblem>;
}

/** Takes one piece, and no more until it is resumed. */
function getSlowly(upstream: Upstream, holder?: string, takesAll = false): Held {
  let begin: (() => void) | undefined;
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  let text = '';
  let call: UpstreamCall | undefined;
  const outcome = new Promise<string | UpstreamProblem>((resolve) => {
    call = upstream.send(
      { holder, method: 'GET', path: '/', headers: [], body: null },
      {
        onHead: () => undefined,
        onData: (chunk) => {
          text += chunk.toString('latin1');
          begin?.();
          return takesAll;
        },
        onEnd: () => resolve(text),
        onProblem: resolve,
      },
    );
  });
  if (call === undefined) throw new Error('nothing was sent');
  return { call, begun, outcome };
}

function get(upstream: Upstream, holder?: string): Held {
  return getSlowly(upstream, holder, true);
}

/** Resolves when the other side has seen what happened before. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

describe('an answer that is held back', () => {
  const heads = {
    'with a length, on a connection that is not kept': `HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: ${piece.length}\r\n\r\n`,
    'that ends with its connection': 'HTTP/1.1 200 X\r\nConnection: close\r\n\r\n',
  };
  for (const [name, head] of Object.entries(heads)) {
    test(`[GW-36] ${name}, comes whole although its connection ends meanwhile`, async () => {
      const { server, upstream } = await setUp();
      const { begun, outcome } = getSlowly(upstream);
      const connection = await server.next();
      await connection.until(/\r\n\r\n/);
      connection.write(head);
      connection.write(piece);
      await begun;
      connection.end();
      await settled();
      expect(await outcome).toBe(piece);
    });
  }

  for (const kept of ['keep-alive', 'close']) {
    test(`[GW-36] is a failure when its connection is reset meanwhile (${kept})`, async () => {
      const { server, upstream } = await setUp();
      const { begun, outcome } = getSlowly(upstream);
      const connection = await server.next();
      await connection.until(/\r\n\r\n/);
      connection.write(`HTTP/1.1 200 X\r\nConnection: ${kept}\r\nContent-Length: 900000\r\n\r\n${piece}`);
      await begun;
      connection.reset();
      expect(await outcome).toMatchObject({ kind: 'failed' });
    });
  }

  test('[GW-36] is let go of without a trace when its caller leaves', async () => {
    const { server, upstream } = await setUp(1);
    const { begun, call } = getSlowly(upstream);
    const connection = await server.next();
    await connection.until(/\r\n\r\n/);
    connection.write(`HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: 900000\r\n\r\n${piece}`);
    await begun;
    call.abort();
    const next = get(upstream);
    const other = await server.next();
    await other.until(/\r\n\r\n/);
    other.answer(200, 'next');
    expect(await next.outcome).toBe('next');
  });
});

test('[GW-37] one caller has a tenth of the connections at most, so that others still have one', async () => {
  const { server, upstream } = await setUp(110);
  const mine = Array.from({ length: 11 }, () => get(upstream, 'mine'));
  expect(await get(upstream, 'mine').outcome).toMatchObject({ kind: 'busy' });
  const theirs = get(upstream, 'theirs');
  const connections = await Promise.all([...mine, theirs].map(() => server.next()));
  for (const connection of connections) connection.answer(200, 'here');
  expect(await Promise.all([...mine, theirs].map(({ outcome }) => outcome))).toEqual(
    Array.from({ length: 12 }, () => 'here'),
  );
  for (const connection of connections) connection.end();
  await Promise.all(connections.map(({ closed }) => closed));
  const again = get(upstream, 'mine');
  (await server.next()).answer(200, 'again');
  expect(await again.outcome).toBe('again');
});

test('[GW-38] an upstream that only ever announces its answer is given up', async () => {
  const { server, upstream } = await setUp();
  const { outcome } = getSlowly(upstream);
  const connection = await server.next();
  await connection.until(/\r\n\r\n/);
  for (let count = 0; count < 9; count += 1) connection.write('HTTP/1.1 103 Early Hints\r\n\r\n');
  expect(await outcome).toMatchObject({ kind: 'failed' });
});
