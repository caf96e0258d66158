import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createClientKeyAndCsr } from '../certificates/index.js';
import { loadSettings } from '../platform/config/load-settings.js';
import { openTestManagement } from '../testing/management.js';
import {
  checkCertificates,
  checkClock,
  checkDataDirectory,
  checkNode,
  checkPorts,
  checkSecretFiles,
  checkServer,
  checkSocketPath,
  judgeServer,
} from './doctor-checks.js';

const dayMs = 24 * 60 * 60_000;
let dataDirectory: string;

beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'doctor-'));
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

describe('doctor', () => {
  it.each([
    ['20.18.9', 'fail'],
    ['20.19.0', 'ok'],
    ['18.20.0', 'fail'],
    ['22.1.0', 'ok'],
  ])('judges Node %s as %s', (version, result) => {
    expect(checkNode(version).result).toBe(result);
  });

  it.each([
    [0, 'ok'],
    [-2_000, 'ok'],
    [2_001, 'warn'],
    [-5_000, 'warn'],
    [5_001, 'fail'],
  ])('judges clocks %i ms apart as %s', (skewMs, result) => {
    expect(checkClock(skewMs).result).toBe(result);
  });

  it('fails a data directory or a master key that others can read, and says how to close it', async () => {
    const keyFile = join(dataDirectory, 'master.key');
    await writeFile(keyFile, 'key', { mode: 0o600 });
    const results = async () => (await checkDataDirectory(dataDirectory)).map(({ result }) => result);
    expect(await results()).toEqual(['ok', 'ok']);
    await chmod(keyFile, 0o640);
    expect(await results()).toEqual(['ok', 'fail']);
    await chmod(dataDirectory, 0o701);
    const [directory] = await checkDataDirectory(dataDirectory);
    expect(directory).toMatchObject({ result: 'fail', remedy: `chmod 0700 '${dataDirectory}'` });
  });

  it('warns of a secret in a file that every user can read, and of nothing else in a file', async () => {
    const [secret, forGroup, public_] = ['master-key', 'key.pem', 'fullchain.pem'].map((name) =>
      join(dataDirectory, name),
    );
    for (const [file, mode] of [
      [secret, 0o644],
      [forGroup, 0o640],
      [public_, 0o644],
    ] as const) {
      await writeFile(file ?? '', 'text');
      await chmod(file ?? '', mode);
    }
    const files = { masterKey: secret, sandboxServerKey: forGroup, sandboxServerCertificate: public_ };
    expect(await checkSecretFiles(files)).toEqual([
      {
        name: 'TOLLWARD_MASTER_KEY_FILE',
        result: 'warn',
        detail: `${secret} is open to every user of this machine (mode 0644)`,
        remedy: `chmod o= '${secret}'`,
      },
    ]);
    expect(await checkSecretFiles({})).toEqual([]);
  });

  it('only warns of a data directory that is not there yet', async () => {
    expect(await checkDataDirectory(join(dataDirectory, 'missing'))).toMatchObject([{ result: 'warn' }]);
  });

  it('finds no server where none is running', async () => {
    expect(await checkServer(dataDirectory)).toMatchObject({ running: false, checks: [{ result: 'ok' }] });
  });

  it('says of a running server whether it is ready, and what it lacks by name', () => {
    const status = {
      version: '1.2.3',
      pid: 42,
      startedAt: '2026-03-01T11:00:00.000Z',
      listeners: [],
      node: null,
      clockSkewMs: 0,
    };
    const database = { name: 'database', ok: true };
    expect(judgeServer({ ...status, ready: true, checks: [database] }).map(({ result }) => result)).toEqual([
      'ok',
      'ok',
    ]);
    const standing = { name: 'standing', ok: false, detail: 'no poll for 9 s' };
    expect(judgeServer({ ...status, ready: false, checks: [database, standing] })).toMatchObject([
      { name: 'server', result: 'fail', detail: expect.stringContaining('not ready') },
      { name: 'ready: standing', result: 'fail', detail: 'no poll for 9 s' },
      { name: 'clock' },
    ]);
  });

  it('names the port that somebody else has', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const loaded = loadSettings({ flags: {}, variables: {}, workingDirectory: dataDirectory });
    const upstream = 'http://127.0.0.1:8080';
    const simulated = { ...loaded.settings, portBase: port - 3 };
    const settings = { ...simulated, sandboxUpstream: upstream, productionUpstream: upstream };
    const free = await checkPorts(settings);
    expect(free).toHaveLength(5);
    expect(free[0]).toMatchObject({ name: `port ${port}`, result: 'fail', detail: 'in use' });
    expect(await checkPorts({ ...settings, environment: 'sandbox' })).toHaveLength(3);
    // And those of the simulators that "tollward dev" would start.
    expect((await checkPorts(simulated)).map(({ name }) => name)).toEqual(
      expect.arrayContaining([`port ${port + 4}`, `port ${port + 1_004}`]),
    );
    expect(await checkPorts({ ...settings, portBase: 0 })).toMatchObject([{ result: 'ok' }]);
    await new Promise<void>((resolve) => taken.close(() => resolve()));
  });

  it('fails a temporary directory that is too long for the socket', () => {
    expect(checkSocketPath('/tmp').result).toBe('ok');
    expect(checkSocketPath(`/${'x'.repeat(100)}`)).toMatchObject({
      result: 'fail',
      remedy: expect.stringContaining('TMPDIR'),
    });
  });

  it('watches the end of the certificates of the example partners', async () => {
    const file = join(dataDirectory, 'client.pem');
    const { surface, close } = await openTestManagement();
    const { csrPem } = await createClientKeyAndCsr({ organisation: 'Test Bank' });
    const payload = { environment: 'sandbox', organisation: 'Test Bank', name: 'worker', csr: csrPem };
    const created = (await surface.inject({ method: 'POST', url: '/clients', payload })).json<{
      certificate: { chainPem: string; notAfter: string };
    }>();
    await close();
    await writeFile(file, created.certificate.chainPem);
    const notAfter = Date.parse(created.certificate.notAfter);

    await writeFile(join(dataDirectory, 'sandbox.env'), `CLIENT_CERT=${file}\nOTHER_CLIENT_CERT="${file}.missing"\n`);
    const resultsAt = async (now: number) => (await checkCertificates(dataDirectory, now)).map(({ result }) => result);
    expect(await resultsAt(notAfter - 15 * dayMs)).toEqual(['ok', 'fail']);
    expect(await resultsAt(notAfter - 13 * dayMs)).toEqual(['warn', 'fail']);
    expect(await resultsAt(notAfter)).toEqual(['fail', 'fail']);
    const [ending] = await checkCertificates(dataDirectory, notAfter - 13 * dayMs);
    expect(ending?.detail).toMatch(/^ends in 13 days, valid until 20/);
  });

  it('looks at no certificate before there is an env file', async () => {
    await mkdir(join(dataDirectory, 'sandbox'));
    expect(await checkCertificates(dataDirectory, 0)).toEqual([]);
  });
});
