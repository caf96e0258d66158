// What a data directory keeps over restarts, lost files, a second process and a kill.

import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  callPlaygroundAs,
  namesInEnvFile,
  type Partner,
  readEnvFile,
  readPartner,
  tokenOf,
} from '../support/partner.js';
import {
  findPortBase,
  finish,
  makeDirectory,
  quickStartOf,
  startDev,
  startedDev,
  startProgram,
  stopDev,
} from '../support/program.js';

const documentedNames = [
  'API_URL',
  'MTLS_URL',
  'CA_FILE',
  'CLIENT_ID',
  'CLIENT_SECRET',
  'CLIENT_CERT',
  'CLIENT_KEY',
  'OTHER_CLIENT_ID',
  'OTHER_CLIENT_SECRET',
  'OTHER_CLIENT_CERT',
  'OTHER_CLIENT_KEY',
];

function readPartners(dataDirectory: string) {
  return {
    first: readPartner(dataDirectory, 'sandbox'),
    other: readPartner(dataDirectory, 'sandbox', 'OTHER_'),
    production: readPartner(dataDirectory, 'production'),
    otherProduction: readPartner(dataDirectory, 'production', 'OTHER_'),
  };
}

async function expectWorks(partner: Partner): Promise<void> {
  const { status, json } = await callPlaygroundAs(partner, await tokenOf(partner));
  expect(status).toBe(200);
  expect(json).toMatchObject({ environment: partner.environment, clientId: partner.clientId });
}

/** Everything in the directory with its mode, without what lies inside the folder of the embedded database. */
function modesIn(directory: string): { readonly files: number[]; readonly folders: number[] } {
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith(join('database', '/')))
    .map((path) => statSync(join(directory, path)));
  const modes = (stats: typeof entries): number[] => [...new Set(stats.map(({ mode }) => mode & 0o777))];
  return {
    files: modes(entries.filter((entry) => entry.isFile())),
    folders: modes([statSync(directory), ...entries.filter((entry) => entry.isDirectory())]),
  };
}

test('a second start finds everything again, and a lost file costs one client and nothing else', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const portBase = await findPortBase();
  const program = await startedDev(dataDirectory, { portBase });
  expect(modesIn(dataDirectory)).toEqual({ files: [0o600], folders: [0o700] });
  for (const environment of ['sandbox', 'production']) {
    expect(namesInEnvFile(join(dataDirectory, `${environment}.env`))).toEqual(documentedNames);
  }
  const before = readPartners(dataDirectory);
  expect(new Set(Object.values(before).map(({ clientId }) => clientId)).size).toBe(4);
  for (const partner of Object.values(before)) await expectWorks(partner);
  const token = await tokenOf(before.first);
  expect(await stopDev(program)).toEqual({ code: 0, signal: null });

  const second = await startedDev(dataDirectory, { portBase });
  expect(quickStartOf(second)).toBe(quickStartOf(program));
  expect(readPartners(dataDirectory)).toEqual(before);
  expect((await callPlaygroundAs(before.first, token)).status).toBe(200);
  await stopDev(second);

  rmSync(readEnvFile(join(dataDirectory, 'sandbox.env')).get('CLIENT_CERT') ?? '');
  await startedDev(dataDirectory, { portBase });
  const after = readPartners(dataDirectory);
  expect(after).toEqual({ ...before, first: after.first });
  expect(after.first.clientId).not.toBe(before.first.clientId);
  for (const partner of [...Object.values(after), before.first]) await expectWorks(partner);
  expect((await callPlaygroundAs(before.first, token)).status).toBe(200);
});

interface ListedClient {
  readonly id: string;
  readonly name: string;
}
interface CreatedClient {
  readonly client: ListedClient;
}
interface ClientList {
  readonly clients: readonly ListedClient[];
}

test('one process at a time has the data directory; killed, it frees it and loses no acknowledged client', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const program = await startedDev(dataDirectory);
  const partner = readPartner(dataDirectory, 'sandbox');

  const refused = await finish(startDev(dataDirectory));
  expect(refused.code).toBe(1);
  expect(refused.error).toContain(dataDirectory);
  expect(refused.error).toContain('is in use: another Tollward process is running on it');
  expect(refused.error).not.toMatch(/\bat .*:\d+:\d+/);
  await expectWorks(partner);

  const folder = makeDirectory();
  const create = (name: string) =>
    finish(
      startProgram([
        ...['--data-dir', dataDirectory, '--json', 'clients', 'create', '--environment', 'sandbox'],
        ...['--organisation', 'Restart Bank', '--name', name, '--out', join(folder, name)],
      ]),
    );
  const wanted = ['one', 'two', 'three', 'four'].map((name) => create(name));
  // The kill finds the others wherever they are; only who was told of success counts.
  expect((await Promise.race(wanted)).code).toBe(0);
  program.kill('SIGKILL');
  expect((await program.ended).signal).toBe('SIGKILL');
  const acknowledged = (await Promise.all(wanted))
    .filter(({ code }) => code === 0)
    .map(({ out }) => {
      const { client }: CreatedClient = JSON.parse(out);
      return client.id;
    });

  await startedDev(dataDirectory);
  const listed = await finish(startProgram(['--data-dir', dataDirectory, '--json', 'clients', 'list']));
  const { clients }: ClientList = JSON.parse(listed.out);
  const ids = clients.map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining([...acknowledged, partner.clientId]));
  await expectWorks(readPartner(dataDirectory, 'sandbox'));

  const [name = ''] = clients.filter(({ id }) => id === acknowledged[0]).map((client) => client.name);
  const got = await finish(
    startProgram(['--data-dir', dataDirectory, 'token', 'get', '--env-file', join(folder, name, 'client.env')]),
  );
  expect(got).toMatchObject({ code: 0, out: expect.stringContaining('"access_token": "tlw_sbx_at_') });
});
