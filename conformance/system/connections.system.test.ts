// Many idle connections at one process. Nearly all of their memory is OpenSSL's and Node's, so the bound is of both.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls';
import type { Environment } from '@tollward/protocol';
import { createTestPostgres, type TestPostgres, testServerUrl } from '@tollward/server/testing';
import { afterAll, expect, test } from 'vitest';
import { exchange, getWith } from '../support/connection.js';
import { callPlaygroundAs, readEnvFile, readPartner, tokenOf } from '../support/partner.js';
import {
  finish,
  makeDirectory,
  operationsUrlOf,
  type Program,
  startedDev,
  startProgram,
  stopDev,
} from '../support/program.js';

const environments = ['sandbox', 'production'] as const satisfies readonly Environment[];
/** 5,000 with a certificate and 5,000 without one. */
const perListener = 2_500;
const atOnce = 32;
const atMost = { timeout: 60_000, interval: 100 };
/** The server closes a connection that was idle for 75 s, and a slow machine needs longer than that to open them all. */
const longestIdleMs = 25_000;
/** Of the whole process: about 130 MiB without connections and 50 KiB for each, with room for noise. */
const mostResidentKib = 1_048_576;

const settings = {
  TOLLWARD_LOG_LEVEL: 'warn',
  ...Object.fromEntries(
    ['CLIENT_REQUESTS', 'ADDRESS_REQUESTS', 'ADDRESS_HANDSHAKES'].flatMap((name) =>
      ['SECOND', 'MINUTE'].map((unit) => [`TOLLWARD_${name}_PER_${unit}`, '100000000']),
    ),
  ),
};

/** One listener, and what a request needs there. */
interface Place {
  readonly url: string;
  readonly token: string;
  readonly secureContext: SecureContext;
}

interface Connection {
  readonly socket: TLSSocket;
  readonly place: Place;
  askedAt: number;
}

/** Opens `wanted` connections to `places` in turn, each with a full handshake and an answered request. */
async function openConnections(places: readonly Place[], wanted: number): Promise<readonly Connection[]> {
  const toOpen = Array.from({ length: wanted / places.length }, () => places).flat();
  /** Those not asked for the longest time first. */
  const connections: Connection[] = [];
  const askOn = async (connection: Connection): Promise<void> => {
    await ask(connection);
    connection.askedAt = performance.now();
    connections.push(connection);
  };
  const worker = async (): Promise<void> => {
    for (let place = toOpen.shift(); place !== undefined; place = toOpen.shift()) {
      for (let idle = takeIdle(connections); idle !== undefined; idle = takeIdle(connections)) await askOn(idle);
      const { url, secureContext } = place;
      const port = Number(new URL(url).port);
      const socket = connect({ host: '127.0.0.1', servername: 'localhost', port, secureContext });
      await askOn({ socket, place, askedAt: 0 });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return connections;
}

/** The one not asked for the longest time, when that is long ago. */
function takeIdle(connections: Connection[]): Connection | undefined {
  const [longest] = connections;
  return longest !== undefined && performance.now() - longest.askedAt > longestIdleMs ? connections.shift() : undefined;
}

async function ask({ socket, place }: Connection): Promise<void> {
  const { status, body } = await exchange(socket, getWith(place.token));
  if (status !== 200) throw new Error(`${status} ${body}`);
}

function residentKib({ pid }: Program): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function countFiles({ pid }: Program): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What the server says of itself, by listener. */
async function countOpen(program: Program): Promise<Record<string, number>> {
  const metrics = await (await fetch(`${operationsUrlOf(program)}/metrics`)).text();
  const lines = [...metrics.matchAll(/^tls_connections_open\{listener="([^"]+)"\} (\d+)$/gm)];
  return Object.fromEntries(lines.map(([, listener = '', count]) => [listener, Number(count)]));
}

function onEachListener(count: number): Record<string, number> {
  return Object.fromEntries(
    environments.flatMap((environment) => ['api', 'api-mtls'].map((listener) => [`${environment} ${listener}`, count])),
  );
}

/** Both listeners of an environment. The client of the first needs no certificate. */
async function placesIn(dataDirectory: string, environment: Environment): Promise<Place[]> {
  const bound = readPartner(dataDirectory, environment);
  const other = readPartner(dataDirectory, environment, 'OTHER_');
  const url = readEnvFile(join(dataDirectory, `${environment}.env`)).get('API_URL') ?? '';
  const off = ['--data-dir', dataDirectory, 'clients', 'update', other.clientId, '--mtls', 'off'];
  expect(await finish(startProgram(off))).toMatchObject({ code: 0 });
  const { ca, identity } = bound;
  return [
    { url, token: await tokenOf({ ...other, mtlsUrl: url }), secureContext: createSecureContext({ ca }) },
    { url: bound.mtlsUrl, token: await tokenOf(bound), secureContext: createSecureContext({ ca, ...identity }) },
  ];
}

const serverUrl = testServerUrl();
const created: TestPostgres[] = [];
afterAll(async () => {
  for (const postgres of created) await postgres.drop();
});

test.skipIf(!serverUrl)(
  '10,000 open connections take less than a gibibyte and leave room for others',
  {
    timeout: 600_000,
  },
  async () => {
    const postgres = await createTestPostgres(serverUrl ?? '');
    created.push(postgres);
    const dataDirectory = join(makeDirectory(), 'data');
    const program = await startedDev(dataDirectory, {
      variables: { ...settings, TOLLWARD_DATABASE_URL: postgres.url },
    });
    const placesByEnvironment = await Promise.all(
      environments.map((environment) => placesIn(dataDirectory, environment)),
    );
    const places = placesByEnvironment.flat();
    const files = countFiles(program);
    const before = residentKib(program);

    const connections = await openConnections(places, places.length * perListener);
    expect(await countOpen(program)).toEqual(onEachListener(perListener));
    const resident = residentKib(program);
    console.log(`${before} KiB before, ${resident} KiB with ${connections.length} connections`);
    expect(resident).toBeLessThan(mostResidentKib);

    const other = readPartner(dataDirectory, 'sandbox', 'OTHER_');
    for (let request = 0; request < 20; request += 1) {
      expect((await callPlaygroundAs(other, await tokenOf(other))).status).toBe(200);
    }

    for (const { socket } of connections) socket.destroy();
    await expect.poll(() => countOpen(program), atMost).toEqual(onEachListener(0));
    await expect.poll(() => countFiles(program), atMost).toBeLessThanOrEqual(files);
    await stopDev(program);
  },
);
