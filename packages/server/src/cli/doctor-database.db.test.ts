import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { settingsSchema } from '../platform/config/settings.js';
import { migrate } from '../platform/database/migrate.js';
import { openPglite } from '../platform/database/pglite.js';
import { openPostgres } from '../platform/database/postgres.js';
import { migratedImage } from '../testing/database.js';
import { createTestPostgres, type TestPostgres, testServerUrl } from '../testing/postgres-server.js';
import type { Check } from './doctor-checks.js';
import { checkDatabase } from './doctor-database.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'doctor-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

const named = (checks: readonly Check[], name: string) => checks.find((check) => check.name === name);

describe('doctor on the embedded database', () => {
  const check = () => checkDatabase(settingsSchema.parse({ dataDir }), false, Date.now);

  it('looks into one that is there, makes none that is not, and says when it is in use', async () => {
    expect(await check()).toEqual([{ name: 'database', result: 'ok', detail: 'the embedded one, not there yet' }]);
    const directory = join(dataDir, 'database');
    const database = await openPglite({ directory, loadFrom: await migratedImage() });
    expect(await check()).toMatchObject([{ result: 'fail', remedy: expect.stringMatching(/in use/) }]);
    await database.close();
    const checks = await check();
    expect(checks.map(({ result }) => result)).toEqual(['ok', 'ok', 'ok']);
    expect(named(checks, 'migrations')?.detail).toMatch(/^all \d+ are applied$/);
  });
});

describe.skipIf(!testServerUrl())('doctor on PostgreSQL', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await createTestPostgres(testServerUrl() ?? '');
  });
  afterAll(() => postgres.drop());
  const check = (url = postgres.url) =>
    checkDatabase(settingsSchema.parse({ dataDir, databaseUrl: url }), false, Date.now);

  it('says what is there, that notifications arrive, and what is missing', async () => {
    const before = await check();
    expect(named(before, 'database')).toMatchObject({ result: 'ok', detail: expect.stringMatching(/^PostgreSQL \d/) });
    expect(named(before, 'database notifications')?.result).toBe('ok');
    expect(named(before, 'clock')?.result).toBe('ok');
    expect(named(before, 'migrations')).toMatchObject({ result: 'fail', remedy: 'run "tollward migrate up"' });

    const database = await openPostgres({ url: postgres.url });
    await migrate(database);
    await database.close();
    expect(named(await check(), 'migrations')?.result).toBe('ok');
  });

  it('fails for one that can not be reached, without its password', async () => {
    const url = new URL(postgres.url);
    url.password = 'very-secret';
    url.port = '1';
    const checks = await check(url.href);
    expect(checks).toMatchObject([
      { name: 'database', result: 'fail', remedy: expect.stringMatching(/not available/) },
    ]);
    expect(JSON.stringify(checks)).not.toContain('very-secret');
  });
});
