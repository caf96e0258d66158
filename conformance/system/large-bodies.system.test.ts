// A body larger than anybody would keep, in either direction, through the built program.

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Partner, readPartner, tokenOf } from '../support/partner.js';
import { makeDirectory, type Program, startedDev } from '../support/program.js';

const piece = randomBytes(1_048_576);
const pieces = 1_024;
const bytes = piece.length * pieces;
/** Buffers of four sockets and of two parsers, and garbage that was not collected yet: far less than the body. */
const mostGrowthKib = 160 * 1_024;

const policy = `
version: 1
upstreams:
  money: {}
routes:
  POST /v1/files: { summary: Send a file, tokens: [client_credentials], upstream: money, maximumBodyBytes: ${bytes} }
  GET /v1/files: { summary: Get a file, tokens: [client_credentials], upstream: money }
`;

function* repeat(): Generator<Buffer> {
  for (let index = 0; index < pieces; index += 1) yield piece;
}

async function digestOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest('hex');
}

describe('a body of 1 GiB', () => {
  let whole: string;
  let program: Program;
  let partner: Partner;
  let token: string;
  const upstream = createServer((incoming, outgoing) => void answer(incoming, outgoing));

  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    if (incoming.method === 'POST') outgoing.end(await digestOf(incoming));
    else {
      outgoing.setHeader('content-length', bytes);
      await pipeline(Readable.from(repeat()), outgoing);
    }
  };

  beforeAll(async () => {
    whole = await digestOf(Readable.from(repeat()));
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
    const dataDirectory = join(makeDirectory(), 'data');
    program = await startedDev(dataDirectory, {
      variables: {
        TOLLWARD_SANDBOX_POLICY: policy,
        TOLLWARD_SANDBOX_UPSTREAM: url,
        TOLLWARD_PRODUCTION_UPSTREAM: url,
      },
    });
    partner = readPartner(dataDirectory, 'sandbox');
    token = await tokenOf(partner);
  });
  afterAll(() => void upstream.close());

  /** The answer, and the most memory that the program had while it came. */
  const callWith = async (method: string, body: Readable | undefined): Promise<{ answer: IncomingMessage }> => {
    const outgoing = request(`${partner.mtlsUrl}/v1/files`, {
      method,
      ca: partner.ca,
      ...partner.identity,
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-length': bytes }) },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      outgoing.once('response', resolve).once('error', reject);
    });
    if (body === undefined) outgoing.end();
    else await pipeline(body, outgoing);
    return { answer: await answered };
  };

  /** The same bytes; `look` is called for each of them that passes. */
  async function* watched(stream: AsyncIterable<Buffer>, look: () => void): AsyncGenerator<Buffer> {
    for await (const chunk of stream) {
      look();
      yield chunk;
    }
  }

  for (const direction of ['up', 'down'] as const) {
    test(`[GW-91] passes ${direction} unchanged, in memory that does not grow with it`, async () => {
      const before = residentKib(program.pid);
      let most = before;
      let looks = 0;
      const look = (): void => {
        looks += 1;
        if (looks % 16 === 0) most = Math.max(most, residentKib(program.pid));
      };
      if (direction === 'up') {
        const { answer: answered } = await callWith('POST', Readable.from(watched(Readable.from(repeat()), look)));
        const text = await answered.setEncoding('utf8').toArray();
        expect([answered.statusCode, text.join('')]).toEqual([200, whole]);
      } else {
        const { answer: answered } = await callWith('GET', undefined);
        expect(answered.statusCode).toBe(200);
        expect(await digestOf(watched(answered, look))).toBe(whole);
      }
      console.log(`${direction}: ${before} KiB before, ${most} KiB at most`);
      expect(looks).toBeGreaterThan(pieces / 2);
      expect(most - before).toBeLessThan(mostGrowthKib);
    }, 300_000);
  }
});

function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
