// A hundred thousand requests that nobody should send, at the built program, with an upstream that judges what comes through.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose';
import { expect, test } from 'vitest';
import { type FuzzRequest, makeFuzzRequest, seededRandom } from '../support/fuzz-requests.js';
import { type ReceivedRequest, startJudgingUpstream } from '../support/judging-upstream.js';
import { callAs, readPartner, tokenOf } from '../support/partner.js';
import { makeDirectory, operationsUrlOf, startedDev, statusOf, stopDev } from '../support/program.js';

const requests = 100_000;
const connections = 16;
/** After these the process has all of the memory that it needs. */
const warmUp = 20_000;
const mostGrowthKib = 200 * 1_024;
/** A request with a length that never comes would otherwise be waited for as long as its sender lives. */
const longestWaitMs = 20_000;

const policy = `
version: 1
upstreams:
  money: {}
defaults: { upstream: money, tokens: [client_credentials], maximumBodyBytes: 4096 }
routes:
  GET /v1/things/{thingId}: { summary: Get a thing }
  POST /v1/things/{thingId}: { summary: Make a thing }
  PUT /v1/things/{thingId}: { summary: Replace a thing }
  PATCH /v1/things/{thingId}: { summary: Change a thing }
  DELETE /v1/things/{thingId}: { summary: Remove a thing }
`;

/** What an upstream may see, by hand: of the message itself, of what the caller likes, and of the gateway. */
const headersThatMayPass: ReadonlySet<string> = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'content-type',
  'accept',
  'accept-encoding',
  'accept-language',
  'user-agent',
  'if-none-match',
  'range',
  'x-idempotence-uuid',
  'x-external-correlation-id',
  'x-trace-id',
  'tollward-assertion',
]);
/** Twice, two readers could take another one of them. */
const once: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'transfer-encoding',
  'x-trace-id',
  'tollward-assertion',
]);
const targetsThatMayPass = /^\/v1\/things\/([A-Za-z0-9._~-]{1,64})(?:\?.*)?$/;

test('[GW-90] 100,000 hostile requests: none is answered 5xx, crashes it, smuggles a request or brings an identity upstream', async () => {
  const seed = Number(process.env['TOLLWARD_TEST_SEED'] ?? Date.now() % 2 ** 31);
  console.log(`seed ${seed}; TOLLWARD_TEST_SEED sends the same requests again`);
  const assertions = new Set<string>();
  const problems: string[] = [];
  const marks = new Set<string>();
  const judge = ({ target, headers, head }: ReceivedRequest): void => {
    const names = headers.map(([name]) => name);
    const strange = names.filter(
      (name, index) => !headersThatMayPass.has(name) || (once.has(name) && names.indexOf(name) !== index),
    );
    const mark = targetsThatMayPass.exec(target)?.[1];
    const told = head.replaceAll(/^tollward-assertion: .*$/gim, '');
    if (strange.length > 0) problems.push(`the headers ${strange.join(', ')} came through`);
    if (mark === undefined || /spoof|smuggled/i.test(told)) problems.push(`this came through: ${told.slice(0, 500)}`);
    else if (marks.has(mark) && /^m\d+$/.test(mark)) problems.push(`${mark} came twice`);
    else marks.add(mark);
    const assertion = headers.find(([name]) => name === 'tollward-assertion')?.[1];
    if (assertion === undefined) problems.push('no assertion came');
    else assertions.add(assertion);
  };
  const upstream = await startJudgingUpstream(judge);

  const dataDirectory = join(makeDirectory(), 'data');
  const unlimited = ['CLIENT_REQUESTS', 'ADDRESS_REQUESTS', 'ADDRESS_FAILURES', 'ADDRESS_HANDSHAKES'].flatMap((name) =>
    ['SECOND', 'MINUTE'].map((unit) => [`TOLLWARD_${name}_PER_${unit}`, '100000000']),
  );
  const program = await startedDev(dataDirectory, {
    variables: {
      TOLLWARD_LOG_LEVEL: 'warn',
      TOLLWARD_SANDBOX_POLICY: policy,
      TOLLWARD_SANDBOX_UPSTREAM: upstream.url,
      TOLLWARD_PRODUCTION_UPSTREAM: upstream.url,
      ...Object.fromEntries(unlimited),
    },
  });
  const partner = readPartner(dataDirectory, 'sandbox');
  const token = await tokenOf(partner);

  const port = Number(new URL(partner.mtlsUrl).port);
  const secureContext = createSecureContext({ ca: partner.ca, ...partner.identity });
  const random = seededRandom(seed);
  const statuses = new Map<number | 'closed', number>();
  let next = 0;
  let residentBefore = 0;
  const work = async (): Promise<void> => {
    let line: Line | undefined;
    while (next < requests) {
      const number = next;
      next += 1;
      if (number === warmUp) residentBefore = residentKib(program.pid);
      const request = makeFuzzRequest(number, { token, random });
      line ??= await openLine(port, secureContext);
      const { status, isOver } = await line.ask(request);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (typeof status === 'number' && status >= 500) problems.push(`${status} for ${JSON.stringify(request.bytes)}`);
      if (isOver) {
        line.end();
        line = undefined;
      }
    }
    line?.end();
  };
  await Promise.all(Array.from({ length: connections }, work));
  const grownKib = residentKib(program.pid) - residentBefore;

  console.log(
    `${upstream.count} came through; answers: ${JSON.stringify([...statuses].sort())}; grew by ${grownKib} KiB`,
  );
  expect({ problems: problems.slice(0, 5), violations: upstream.violations.slice(0, 5) }).toEqual({
    problems: [],
    violations: [],
  });
  // Otherwise nothing was tried.
  expect(upstream.count).toBeGreaterThan(requests / 5);
  expect(statuses.get(400) ?? 0).toBeGreaterThan(requests / 20);
  expect(grownKib).toBeLessThan(mostGrowthKib);

  const keys = JSON.parse((await callAs(partner, { path: '/.well-known/jwks.json' })).text) as JSONWebKeySet;
  for (const assertion of assertions) {
    const { payload, protectedHeader } = await jwtVerify(assertion, createLocalJWKSet(keys), {
      typ: 'tollward-assertion+jwt',
      audience: 'money',
      // They are of the last minutes.
      clockTolerance: 600,
    });
    expect([protectedHeader.alg, payload.sub, payload['client_id']]).toEqual([
      'ES256',
      partner.clientId,
      partner.clientId,
    ]);
  }

  const good = await callAs(partner, { path: '/v1/things/good', headers: { authorization: `Bearer ${token}` } });
  expect(good.status).toBe(200);
  expect(await statusOf(`${operationsUrlOf(program)}/health/ready`)).toBe(200);
  expect(program.out()).not.toContain('request failed');
  expect((await stopDev(program)).code).toBe(0);
  await upstream.close();
}, 400_000);

interface Line {
  ask(request: FuzzRequest): Promise<{ readonly status: number | 'closed'; readonly isOver: boolean }>;
  end(): void;
}

let session: Buffer | undefined;

async function openLine(port: number, secureContext: SecureContext): Promise<Line> {
  const socket = connect({
    host: '127.0.0.1',
    servername: 'localhost',
    port,
    secureContext,
    ...(session === undefined ? {} : { session }),
  });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  socket.on('session', (fresh) => {
    session = fresh;
  });
  socket.on('error', () => undefined);
  return { ask: (request) => ask(socket, request), end: () => void socket.destroy() };
}

/** The status of the first answer, and whether anything else is to be sent on the connection. */
function ask(socket: TLSSocket, { method, bytes, isCut }: FuzzRequest) {
  return new Promise<{ status: number | 'closed'; isOver: boolean }>((resolve, reject) => {
    let text = '';
    const late = setTimeout(() => {
      reject(new Error(`no answer to ${JSON.stringify(bytes.slice(0, 2_000))}, only ${JSON.stringify(text)}`));
      socket.destroy();
    }, longestWaitMs);
    const settle = (status: number | 'closed', isOver: boolean): void => {
      clearTimeout(late);
      socket.off('data', onData).off('close', onClose);
      resolve({ status, isOver });
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      while (/^HTTP\/1\.1 1\d\d /.test(text) && text.includes('\r\n\r\n'))
        text = text.slice(text.indexOf('\r\n\r\n') + 4);
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = text.slice(0, end).toLowerCase();
      const length = method === 'HEAD' ? 0 : Number(/\r\ncontent-length: (\d+)/.exec(head)?.[1] ?? 0);
      if (text.length < end + 4 + length) return;
      // More than one answer, or bytes after which more of them may come: the next request would be mistaken for the rest.
      const isClean = text.length === end + 4 + length && !bytes.includes('smuggled') && !isCut;
      settle(Number(text.slice(9, 12)), !isClean || head.includes('\r\nconnection: close'));
    };
    const onClose = (): void => settle(/^HTTP\/1\.1 (\d{3})/.test(text) ? Number(text.slice(9, 12)) : 'closed', true);
    socket.on('data', onData).once('close', onClose);
    socket.write(Buffer.from(bytes, 'latin1'));
    if (isCut) socket.end();
  });
}

function residentKib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
