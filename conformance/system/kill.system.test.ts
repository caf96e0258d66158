// kill -9 at any moment of writing. It proves what a process owes: nothing is acknowledged before it was handed to the
// system. What the system owes the disk it can not prove, because the system lives on: that is bench/power-cut.ts.

import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import {
  basic,
  call,
  createTestPostgres,
  findLost,
  keepWriting,
  type Notebook,
  type NotedClient,
  openNotebook,
  type TestPostgres,
  testServerUrl,
} from '@tollward/server/testing';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type Outcome, outcomeOf } from '../support/outcome.js';
import { readPartner } from '../support/partner.js';
import { makeDirectory, startedDev, stopDev, type Variables } from '../support/program.js';

const rounds = 50;
const atOnce = 6;
const limitsOutOfTheWay = {
  TOLLWARD_ADDRESS_HANDSHAKES_PER_SECOND: '100000',
  TOLLWARD_ADDRESS_HANDSHAKES_PER_MINUTE: '100000',
  TOLLWARD_ADDRESS_FAILURES_PER_SECOND: '100000',
  TOLLWARD_ADDRESS_FAILURES_PER_MINUTE: '100000',
  TOLLWARD_LOG_LEVEL: 'warn',
};

/** Starts the server, kills it in the middle of writing, starts it again and looks everything up, many times over. */
async function expectNothingLost(variables: Variables): Promise<void> {
  const seed = randomInt(2 ** 31);
  const moments = fc.sample(fc.integer({ min: 1, max: 60 }), { numRuns: rounds, seed });
  const dataDirectory = join(makeDirectory(), 'data');
  const options = { variables: { ...limitsOutOfTheWay, ...variables } };
  const notebook = await openNotebook();
  let program = await startedDev(dataDirectory, options);
  let inDoubt = 0;
  let tokenRequests = 0;

  for (const moment of moments) {
    const killed = new AbortController();
    const known = notebook.clients.length;
    let left = moment;
    const onAcknowledged = (): void => {
      left -= 1;
      if (left !== 0) return;
      killed.abort();
      program.kill('SIGKILL');
    };
    await keepWriting({ dataDirectory, notebook, atOnce, killed: killed.signal, onAcknowledged });
    expect(await program.ended).toEqual({ code: null, signal: 'SIGKILL' });

    program = await startedDev(dataDirectory, options);
    const touched = notebook.clients.slice(known);
    expect(await findLost(dataDirectory, touched)).toEqual([]);
    inDoubt += touched.filter((client) => client.inDoubt).length;
    const wire = readWire(dataDirectory, notebook);
    const sure = touched.filter((client) => !client.inDoubt).flatMap(expectationsOf);
    tokenRequests += sure.length;
    expect(await Promise.all(sure.map(wire))).toEqual(sure.map(({ outcome }) => outcome));
  }
  expect(await findLost(dataDirectory, notebook.clients)).toEqual([]);
  await stopDev(program);
  console.log(
    `seed ${seed}: ${rounds} kills, ${notebook.acknowledged} changes acknowledged, ${notebook.clients.length} clients, ` +
      `${inDoubt} in doubt, ${tokenRequests} token requests, 0 lost`,
  );
  expect(notebook.acknowledged).toBeGreaterThanOrEqual(moments.reduce((sum, moment) => sum + moment, 0));
}

interface Expectation {
  readonly client: NotedClient;
  readonly secret: NotedClient['secrets'][number];
  readonly certificate: NotedClient['certificates'][number];
  readonly outcome: Outcome;
}

/** Every secret of the client with its newest certificate, and every certificate with its newest secret. */
function expectationsOf(client: NotedClient): Expectation[] {
  const secret = client.secrets.at(-1);
  const certificate = client.certificates.at(-1);
  if (secret === undefined || certificate === undefined) throw new Error(`${client.id} was noted without credentials`);
  return [
    ...client.secrets.map((each) => ({ secret: each, certificate })),
    ...client.certificates.slice(0, -1).map((each) => ({ secret, certificate: each })),
  ].map((pair) => ({ client, ...pair, outcome: outcomeExpected(client, pair) }));
}

function outcomeExpected(client: NotedClient, { secret, certificate }: Pick<Expectation, 'secret' | 'certificate'>) {
  if (secret.state !== 'in force') return `secret_${secret.state}`;
  if (client.revoked) return 'client_revoked';
  return certificate.state === 'in force' ? 200 : 'certificate_revoked';
}

/** A token request with these credentials over mutual TLS, and what comes of it. */
function readWire(dataDirectory: string, { keyPem }: Notebook): (expectation: Expectation) => Promise<Outcome> {
  const { mtlsUrl, ca } = readPartner(dataDirectory, 'sandbox');
  return async ({ client, secret, certificate }) =>
    outcomeOf(
      await call(
        { urlOf: () => mtlsUrl, caOf: () => ca },
        {
          method: 'POST',
          path: '/oauth/token',
          body: 'grant_type=client_credentials',
          headers: {
            authorization: basic(client.id, secret.value),
            'content-type': 'application/x-www-form-urlencoded',
          },
          identity: { cert: certificate.value, key: keyPem },
        },
      ),
    );
}

describe(`[DB-06] ${rounds} kills in the middle of writing lose nothing that was acknowledged`, () => {
  test('[PGlite]', { timeout: 600_000 }, () => expectNothingLost({}));

  const serverUrl = testServerUrl();
  const created: TestPostgres[] = [];
  afterAll(async () => {
    for (const postgres of created) await postgres.drop();
  });
  test.skipIf(!serverUrl)('[PostgreSQL]', { timeout: 600_000 }, async () => {
    const postgres = await createTestPostgres(serverUrl ?? '');
    created.push(postgres);
    await expectNothingLost({ TOLLWARD_DATABASE_URL: postgres.url });
  });
});
