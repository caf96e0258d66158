import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPostgres } from '../platform/database/postgres.js';
import { runCli } from '../testing/cli.js';
import {
  aClient,
  aToken,
  callPlayground,
  createTestPostgres,
  endSecretOf,
  openDatabaseIn,
  requestToken,
  startTestServer,
  type TestClient,
  type TestPostgres,
  type TestServer,
  testServerUrl,
} from '../testing/index.js';

const serverUrl = testServerUrl();
const masterKey = Buffer.alloc(32, 7).toString('base64');
const otherKey = Buffer.alloc(32, 8).toString('base64');

describe.skipIf(!serverUrl)('a move from the embedded database to PostgreSQL', () => {
  let folder: string;
  let postgres: TestPostgres;
  let client: TestClient;
  let ended: TestClient;
  let token: string;
  let root: string;

  const onPglite = (...words: string[]) =>
    runCli(['--data-dir', 'data', ...words], {
      workingDirectory: folder,
      variables: { TOLLWARD_MASTER_KEY: masterKey },
    });
  const onPostgres = (words: readonly string[], variables: Record<string, string> = {}) =>
    runCli(['--data-dir', 'elsewhere', ...words], {
      workingDirectory: folder,
      variables: { TOLLWARD_DATABASE_URL: postgres.url, ...variables },
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'move-'));
    postgres = await createTestPostgres(serverUrl ?? '');
    const directory = join(folder, 'data', 'database');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const server: TestServer = await startTestServer({ database: await openDatabaseIn(directory) });
    client = await aClient(server);
    ended = await aClient(server);
    token = await aToken(server, client);
    root = server.caOf('sandbox');
    await endSecretOf(server, ended);
    const whileRunning = await onPglite('export', 'too-early.jsonl');
    expect(whileRunning).toMatchObject({ exitCode: 1, out: '' });
    expect(whileRunning.error).toMatch(/in use.*Stop it first/);
    await server.stop();
  }, 60_000);
  afterAll(async () => {
    await postgres.drop();
    await rm(folder, { recursive: true });
  });

  it('writes one file, for its owner only, and over no other one', async () => {
    const { exitCode, out, error } = await onPglite('export', 'all.jsonl');
    expect({ exitCode, error }).toEqual({ exitCode: 0, error: '' });
    expect(out).toMatch(/all\.jsonl holds \d+ rows of \d+ tables.*\n.*master key is not in it/);
    expect((await stat(join(folder, 'all.jsonl'))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).sort()).toEqual(['all.jsonl', 'data']);

    const again = await onPglite('export', 'all.jsonl');
    expect(again.exitCode).toBe(5);
    expect(again.error).toMatch(/exists and is not overwritten/);
    await writeFile(join(folder, 'two.jsonl.partial'), 'theirs');
    expect((await onPglite('export', 'two.jsonl')).exitCode).toBe(5);
    expect(await readFile(join(folder, 'two.jsonl.partial'), 'utf8')).toBe('theirs');
  });

  it('[STO-13] says no to a database without its migrations, and to a wrong master key', async () => {
    const unmigrated = await onPostgres(['import', 'all.jsonl']);
    expect(unmigrated).toMatchObject({ exitCode: 1, out: '' });
    expect(unmigrated.error).toMatch(/lacks 0001-first-token\.sql.*migrate up/);
    expect((await onPostgres(['migrate', 'up'])).exitCode).toBe(0);

    const wrongKey = await onPostgres(['import', 'all.jsonl'], { TOLLWARD_MASTER_KEY: otherKey });
    expect(wrongKey).toMatchObject({ exitCode: 1, out: '' });
    expect(wrongKey.error).toMatch(
      /^Nothing was imported: the file was written with master key [0-9a-f]{8}, the one configured is [0-9a-f]{8}/,
    );
    expect(wrongKey.error).not.toContain(otherKey);
  });

  it('[STO-13] opens every sealed value before it keeps an export without an HMAC', async () => {
    const exported = await runCli(['--data-dir', 'data', 'export', 'bare.jsonl'], { workingDirectory: folder });
    expect(exported.out).toMatch(/No master key was at hand, so it has no HMAC/);
    const wrongKey = await onPostgres(['import', 'bare.jsonl'], { TOLLWARD_MASTER_KEY: otherKey });
    expect(wrongKey.error).toMatch(/^Nothing was imported: there are values sealed by master key [0-9a-f]{8} \(\d+\)/);

    // Two keys change places: both were sealed by this master key, for another place.
    const lines = (await readFile(join(folder, 'bare.jsonl'), 'utf8')).split('\n');
    const first = lines.findIndex((line) => line.startsWith('{"table":"token_keys","columns"')) + 1;
    const columns: string[] = JSON.parse(lines[first - 1] ?? '').columns;
    const [one = [], two = []] = lines.slice(first, first + 2).map((line): string[] => JSON.parse(line));
    const place = columns.indexOf('key_sealed');
    lines[first] = JSON.stringify(one.with(place, two[place] ?? ''));
    lines[first + 1] = JSON.stringify(two.with(place, one[place] ?? ''));
    const body = `${lines.slice(0, -2).join('\n')}\n`;
    const sha256 = createHash('sha256').update(body).digest('hex');
    await writeFile(join(folder, 'moved.jsonl'), `${body}${lines.at(-2)?.replace(/[0-9a-f]{64}/, sha256)}\n`);
    const moved = await onPostgres(['import', 'moved.jsonl'], { TOLLWARD_MASTER_KEY: masterKey });
    expect(moved).toMatchObject({ exitCode: 1, out: '' });
    expect(moved.error).toMatch(/^Nothing was imported: .* sealed value of token_keys .* was changed or moved/);
  });

  it('warns of a file that proves nothing', async () => {
    const other = await createTestPostgres(serverUrl ?? '');
    const variables = { TOLLWARD_DATABASE_URL: other.url, TOLLWARD_MASTER_KEY: masterKey };
    await onPostgres(['migrate', 'up'], variables);
    const { out } = await onPostgres(['import', 'bare.jsonl'], variables);
    await other.drop();
    expect(out).toMatch(/\nWarning: the file has no HMAC/);
  });

  it('[STO-14] leaves clients with the secrets and tokens they have', async () => {
    const imported = await onPostgres(['import', 'all.jsonl'], { TOLLWARD_MASTER_KEY: masterKey });
    expect(imported.error).toBe('');
    expect(imported.out).toMatch(
      /^Imported \d+ rows.*\n.*nobody without that key changed.*\n.*opened every sealed value \(\d+\)/,
    );
    const twice = await onPostgres(['import', 'all.jsonl'], { TOLLWARD_MASTER_KEY: masterKey });
    expect(twice.error).toMatch(/not empty, there are rows in organisations, clients, /);

    const server = await startTestServer({ database: await openPostgres({ url: postgres.url }) });
    expect(server.caOf('sandbox')).toBe(root);
    expect((await callPlayground(server, client, token)).status).toBe(200);
    expect((await requestToken(server, client)).status).toBe(200);
    expect((await requestToken(server, ended)).status).toBe(401);
    await server.stop();
  });

  it('says that nobody tried a master key when none is at hand', async () => {
    const other = await createTestPostgres(serverUrl ?? '');
    const url = { TOLLWARD_DATABASE_URL: other.url };
    await onPostgres(['migrate', 'up'], url);
    const { exitCode, out } = await onPostgres(['import', 'all.jsonl', '--json'], url);
    await other.drop();
    expect(exitCode).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ masterKeyChecked: false, proof: 'unchecked' });
  });

  it('takes the master key of the data directory, and refuses one that others can read', async () => {
    const other = await createTestPostgres(serverUrl ?? '');
    const url = { TOLLWARD_DATABASE_URL: other.url };
    await onPostgres(['migrate', 'up'], url);
    await mkdir(join(folder, 'elsewhere'));
    const file = join(folder, 'elsewhere', 'master.key');
    await writeFile(file, `${masterKey}\n`);
    await chmod(file, 0o644);
    expect((await onPostgres(['import', 'all.jsonl'], url)).exitCode).toBe(2);
    await chmod(file, 0o600);
    const { out } = await onPostgres(['import', 'all.jsonl', '--json'], url);
    await other.drop();
    expect(JSON.parse(out)).toMatchObject({ masterKeyChecked: true, proof: 'verified' });
  });
});
