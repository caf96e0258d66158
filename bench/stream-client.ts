// Moves one large body through a server, over a raw TLS socket, and prints what it cost as one JSON line.

import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { connectTo, createClientContext } from './client-tls.js';
import { readClockTicksPerSecond, readCpuMicroseconds } from './cpu.js';
import { STREAM_BYTES, STREAM_CHUNK, STREAM_MEBIBYTES, STREAM_PATH } from './gateway-exchanges.js';
import type { LoadResult, StreamPlan } from './load-plan.js';
import { readConfiguration } from './own-programs.js';
import { parseAnswerHead } from './response-reader.js';

const MILLISECONDS_PER_SECOND = 1000;

/** Resolves when the whole answer is there. */
async function readAnswer(socket: TLSSocket): Promise<void> {
  let start = Buffer.alloc(0);
  let expectedBytes: number | undefined;
  let seenBytes = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    seenBytes += chunk.length;
    if (expectedBytes === undefined) {
      start = Buffer.concat([start, chunk]);
      const head = parseAnswerHead(start);
      if (head === undefined) continue;
      if (head.status !== 200) throw new Error(`status ${head.status}: ${start.toString('utf8', head.headBytes)}`);
      expectedBytes = head.headBytes + head.bodyBytes;
    }
    if (seenBytes > expectedBytes) throw new Error('bytes follow the answer although nothing more was asked');
    if (seenBytes === expectedBytes) return;
  }
  throw new Error(`the server closed the connection after ${seenBytes} bytes`);
}

async function writeBody(socket: TLSSocket): Promise<void> {
  for (let sent = 0; sent < STREAM_BYTES; sent += STREAM_CHUNK.length) {
    if (!socket.write(STREAM_CHUNK)) await once(socket, 'drain');
  }
}

async function run({ targets, direction, authorization, serverPids }: StreamPlan): Promise<LoadResult> {
  const [target] = targets;
  if (target === undefined) throw new Error('there is no server to drive');
  const clockTicksPerSecond = readClockTicksPerSecond();
  const socket = connectTo(target, createClientContext(target));
  await once(socket, 'secureConnect');
  const up = direction === 'up';
  const head = [
    `${up ? 'POST' : 'GET'} ${STREAM_PATH} HTTP/1.1`,
    `host: ${target.host}:${target.port}`,
    `authorization: ${authorization}`,
    ...(up ? ['content-type: application/octet-stream', `content-length: ${STREAM_BYTES}`] : []),
  ];

  const startedAt = performance.now();
  const cpuAtStart = readCpuMicroseconds(serverPids, clockTicksPerSecond);
  const answered = readAnswer(socket);
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  // A refusal ends the upload too.
  await Promise.all([answered, up ? Promise.race([writeBody(socket), answered]) : undefined]);
  return {
    amount: STREAM_MEBIBYTES,
    windowSeconds: (performance.now() - startedAt) / MILLISECONDS_PER_SECOND,
    serverCpuMicroseconds: readCpuMicroseconds(serverPids, clockTicksPerSecond) - cpuAtStart,
    latency: null,
    errors: 0,
    firstError: null,
  };
}

const result = await run(readConfiguration<StreamPlan>()).catch(
  (cause: unknown): LoadResult => ({
    amount: 0,
    windowSeconds: 1,
    serverCpuMicroseconds: 0,
    latency: null,
    errors: 1,
    firstError: String(cause),
  }),
);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
