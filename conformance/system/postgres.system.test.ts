// `tollward dev` on PostgreSQL, also while the database is away.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createTestPostgres, type TestPostgres, testServerUrl } from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callPlaygroundAs, type Partner, readPartner, requestTokenAs, tokenOf } from '../support/partner.js';
import {
  type DevOptions,
  type Finished,
  finish,
  makeDirectory,
  operationsUrlOf,
  type Program,
  startDev,
  startedDev,
  startProgram,
  statusOf,
  stopDev,
} from '../support/program.js';

const serverUrl = testServerUrl();
/** How long a change of the database may take to show. */
const atMost = { timeout: 30_000, interval: 100 };

describe.skipIf(!serverUrl)('dev [PostgreSQL]', () => {
  let dataDirectory: string;
  let postgres: TestPostgres;
  let options: DevOptions;
  let program: Program;

  beforeAll(async () => {
    dataDirectory = join(makeDirectory(), 'data');
    postgres = await createTestPostgres(serverUrl ?? '');
    const file = join(makeDirectory(), 'database-url');
    writeFileSync(file, `${postgres.url}\n`, { mode: 0o600 });
    options = { variables: { TOLLWARD_DATABASE_URL_FILE: file } };
    program = await startedDev(dataDirectory, options);
  });
  afterAll(async () => {
    await stopDev(program);
    await postgres.drop();
  });

  async function expectWorks(partner: Partner): Promise<void> {
    expect(await callPlaygroundAs(partner, await tokenOf(partner))).toMatchObject({ status: 200 });
  }

  const ready = (): Promise<number> => statusOf(`${operationsUrlOf(program)}/health/ready`);
  const createClient = (): Promise<Finished> =>
    finish(
      startProgram([
        ...['--data-dir', dataDirectory, 'clients', 'create', '--environment', 'sandbox'],
        ...['--organisation', 'Example', '--name', 'after the outage', '--out', join(makeDirectory(), 'client')],
      ]),
    );

  test('a token and a call work, and a second process with another master key is refused', async () => {
    await expectWorks(readPartner(dataDirectory, 'sandbox'));
    const second = await finish(startDev(join(makeDirectory(), 'data'), options));
    expect(second.code).toBe(2);
    expect(second.error).toMatch(/were sealed by master key [0-9a-f]{8}, .* Configure the master key/);
    await expectWorks(readPartner(dataDirectory, 'production'));
  });

  test('without its database it is not ready and answers 503 to a cold client, and it recovers by itself', async () => {
    const cold = readPartner(dataDirectory, 'sandbox', 'OTHER_');
    await postgres.cut();
    await expect.poll(ready, atMost).toBe(503);
    const refused = await requestTokenAs(cold);
    expect(refused).toMatchObject({ status: 503, json: { error: 'temporarily_unavailable' } });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(await statusOf(`${operationsUrlOf(program)}/health/live`)).toBe(200);

    await postgres.restore();
    await expect.poll(ready, atMost).toBe(200);
    await expectWorks(cold);
    await expect.poll(async () => (await createClient()).code, atMost).toBe(0);
  });
});
