// An access token is no row. A million of them leave the database as it was.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { basic, createTestPostgres, measurePostgres, type TestPostgres, testServerUrl } from '@tollward/server/testing';
import { afterAll, expect, test } from 'vitest';
import { readEnvFile, readPartner } from '../support/partner.js';
import {
  finish,
  makeDirectory,
  operationsUrlOf,
  type Program,
  startedDev,
  startProgram,
  stopDev,
} from '../support/program.js';

const wanted = 1_000_000;
const generator = fileURLToPath(new URL('../../bench/dist/load-generator.js', import.meta.url));
const connections = 32;
const raisedLimits = Object.fromEntries(
  ['CLIENT_REQUESTS', 'ADDRESS_REQUESTS', 'ADDRESS_HANDSHAKES'].flatMap((name) =>
    ['SECOND', 'MINUTE'].map((unit) => [`TOLLWARD_${name}_PER_${unit}`, '100000000']),
  ),
);

/** Asks for tokens on kept connections for some seconds and tells how many answers of 200 came. */
async function askForTokens(dataDirectory: string, serverPid: number, windowSeconds: number): Promise<number> {
  const values = readEnvFile(join(dataDirectory, 'sandbox.env'));
  const value = (name: string): string => values.get(name) ?? '';
  const plan = {
    targets: [
      {
        ...{ host: 'localhost', address: '127.0.0.1', port: Number(new URL(value('MTLS_URL')).port) },
        ...{
          caFile: value('CA_FILE'),
          clientCertificateFile: value('CLIENT_CERT'),
          clientKeyFile: value('CLIENT_KEY'),
        },
      },
    ],
    tokensFile: null,
    exchange: {
      method: 'POST',
      path: '/oauth/token',
      headers: {
        authorization: basic(value('CLIENT_ID'), value('CLIENT_SECRET')),
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    },
    ...{
      expectedStatus: 200,
      mode: 'keep-alive',
      connections,
      warmUpSeconds: 0,
      windowSeconds,
      serverPids: [serverPid],
    },
  };
  const child = spawn(process.execPath, [generator, JSON.stringify(plan)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [printed] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const result: { amount: number; errors: number; firstError: string | null } = JSON.parse(printed);
  expect({ errors: result.errors, firstError: result.firstError }).toEqual({ errors: 0, firstError: null });
  return result.amount;
}

async function countIssued(program: Program): Promise<number> {
  const metrics = await (await fetch(`${operationsUrlOf(program)}/metrics`)).text();
  return Number(/^oauth_tokens_issued_total\{grant="client_credentials"\} (\d+)$/m.exec(metrics)?.[1]);
}

/** Uses of credentials are counted in memory and written when somebody asks for them. */
async function writeUses(dataDirectory: string): Promise<void> {
  const id = readPartner(dataDirectory, 'sandbox').clientId;
  const shown = await finish(startProgram(['--data-dir', dataDirectory, 'clients', 'show', id]));
  expect(shown).toMatchObject({ code: 0, error: '' });
}

const serverUrl = testServerUrl();
const created: TestPostgres[] = [];
afterAll(async () => {
  for (const postgres of created) await postgres.drop();
});

test.skipIf(!serverUrl)(
  '[DB-07] a million access tokens leave the database the size it was',
  {
    timeout: 600_000,
  },
  async () => {
    const postgres = await createTestPostgres(serverUrl ?? '');
    created.push(postgres);
    const dataDirectory = join(makeDirectory(), 'data');
    const variables = { TOLLWARD_DATABASE_URL: postgres.url, TOLLWARD_LOG_LEVEL: 'warn', ...raisedLimits };
    const program = await startedDev(dataDirectory, { variables });
    // That its credentials are in use is a row for the first token, and the same row for the last one.
    const runs = [await askForTokens(dataDirectory, program.pid, 1)];
    await writeUses(dataDirectory);
    const before = await measurePostgres(postgres.url);

    const answered = (): number => runs.reduce((sum, requests) => sum + requests, 0);
    while (answered() < wanted) runs.push(await askForTokens(dataDirectory, program.pid, 10));
    await writeUses(dataDirectory);
    const after = await measurePostgres(postgres.url);
    // One comes each hour, whatever happens.
    const { audit_checkpoints: _, ...rows } = after.rows;
    expect(before.rows).toMatchObject(rows);
    expect(after.bytes - before.bytes, 'not a byte per token').toBeLessThan(wanted);

    // The generator leaves while its last requests are under way.
    const issued = await countIssued(program);
    expect(issued).toBeGreaterThanOrEqual(answered());
    expect(issued).toBeLessThanOrEqual(answered() + runs.length * connections);
    await stopDev(program);
    console.log(
      `${issued} tokens issued, ${answered()} answers of 200, ${before.bytes} bytes before, ${after.bytes} after`,
    );
  },
);
