import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  fitsSocketPath,
  type ManagementSocket,
  ManagementSocketError,
  openManagementSocket,
  readManagementFile,
} from './management-socket.js';

let dataDirectory: string;
let temporaryDirectory: string;
const opened: ManagementSocket[] = [];

beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'data-'));
  temporaryDirectory = await mkdtemp(join(tmpdir(), 'tmp-'));
});

afterEach(async () => {
  for (const socket of opened.splice(0)) await socket.close();
  await rm(dataDirectory, { recursive: true });
  await rm(temporaryDirectory, { recursive: true });
});

async function open(answer = 'hello'): Promise<ManagementSocket> {
  const server = createServer((_request, response) => response.end(answer));
  const socket = await openManagementSocket({ dataDirectory, server, temporaryDirectory, clock: () => 0 });
  opened.push(socket);
  return socket;
}

function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath, path: '/' }, (response) => {
      response.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

describe('the management socket', () => {
  it('answers on the path that management.json names', async () => {
    await open('the server');
    const file: unknown = JSON.parse(await readFile(join(dataDirectory, 'management.json'), 'utf8'));
    expect(file).toEqual({ socket: expect.any(String), pid: process.pid, startedAt: '1970-01-01T00:00:00.000Z' });
    const { socket } = (await readManagementFile(dataDirectory)) ?? { socket: '' };
    expect(await ask(socket)).toBe('the server');
  });

  it('is out of reach for other users, with its directory and management.json', async () => {
    const { path } = await open();
    expect(await modeOf(path)).toBe(0o600);
    expect(await modeOf(dirname(path))).toBe(0o700);
    expect(await modeOf(join(dataDirectory, 'management.json'))).toBe(0o600);
  });

  it('leaves nothing behind when it is closed', async () => {
    const socket = await open();
    await socket.close();
    expect(await readdir(temporaryDirectory)).toEqual([]);
    expect(await readdir(dataDirectory)).toEqual([]);
  });

  it('refuses a second server on the directory, and leaves the first one its management.json', async () => {
    const first = await open('first');
    await expect(open('second')).rejects.toThrow(ManagementSocketError);
    await expect(open('second')).rejects.toThrow('Give each its own, with --data-dir');
    expect((await readManagementFile(dataDirectory))?.socket).toBe(first.path);
    expect(await ask(first.path)).toBe('first');
    expect(await readdir(temporaryDirectory), 'nothing of the refused ones is left').toHaveLength(1);
  });

  it('leaves the management.json of a later server alone when it is closed', async () => {
    const first = await open('first');
    const later = { socket: join(temporaryDirectory, 'later.sock'), pid: 1, startedAt: 'then' };
    await writeFile(join(dataDirectory, 'management.json'), JSON.stringify(later));
    await first.close();
    expect(await readManagementFile(dataDirectory)).toEqual(later);
  });

  it('removes what a killed server left behind, and nothing else of the same directory', async () => {
    const script = `
      const { mkdtempSync, writeFileSync } = require('node:fs');
      const socket = mkdtempSync(process.argv[1] + '/tollward-') + '/management.sock';
      require('node:net').createServer().listen(socket, () => {
        writeFileSync(process.argv[2] + '/management.json', JSON.stringify({ socket, pid: 1, startedAt: 'then' }));
        process.kill(process.pid, 'SIGKILL');
      });`;
    expect(() => execFileSync(process.execPath, ['-e', script, temporaryDirectory, dataDirectory])).toThrow();
    expect(await readdir(temporaryDirectory)).toHaveLength(1);
    await writeFile(join(temporaryDirectory, 'bystander'), '');

    const { path } = await open();

    const left = await readdir(temporaryDirectory);
    expect(left.map((name) => join(temporaryDirectory, name)).sort()).toEqual(
      [join(temporaryDirectory, 'bystander'), dirname(path)].sort(),
    );
  });

  it('does not remove what another program keeps where management.json points', async () => {
    const precious = await mkdtemp(join(temporaryDirectory, 'precious-'));
    const socket = join(precious, 'management.sock');
    await writeFile(socket, 'kept');
    await writeFile(join(dataDirectory, 'management.json'), JSON.stringify({ socket, pid: 1, startedAt: 'then' }));
    await open();
    expect(await readFile(socket, 'utf8')).toBe('kept');
  });

  it('refuses a path that a system would cut, names TMPDIR, and makes nothing', async () => {
    const long = join(temporaryDirectory, 'x'.repeat(100));
    const server = createServer();
    const opening = openManagementSocket({ dataDirectory, server, temporaryDirectory: long });
    await expect(opening).rejects.toThrow(ManagementSocketError);
    await expect(opening).rejects.toThrow(/TMPDIR/);
    expect(server.listening).toBe(false);
    expect(await readdir(dataDirectory)).toEqual([]);
  });

  it('takes a path of 100 bytes and no longer one, counted in bytes', () => {
    const rest = '/tollward-XXXXXX/management.sock'.length;
    expect(fitsSocketPath(`/${'x'.repeat(99 - rest)}`)).toBe(true);
    expect(fitsSocketPath(`/${'x'.repeat(100 - rest)}`)).toBe(false);
    expect(fitsSocketPath(`/${'é'.repeat(99 - rest)}`)).toBe(false);
  });

  it('stops listening and removes its directory when management.json can not be written', async () => {
    const server = createServer();
    const missing = join(dataDirectory, 'missing');
    await expect(openManagementSocket({ dataDirectory: missing, server, temporaryDirectory })).rejects.toThrow(
      /ENOENT/,
    );
    expect(server.listening).toBe(false);
    expect(await readdir(temporaryDirectory)).toEqual([]);
  });
});

describe('reading management.json', () => {
  it.each([
    ['is missing', undefined],
    ['is cut off', '{"socket":'],
    ['has another form', '{"socket":1}'],
  ])('finds no server when it %s', async (_case, content) => {
    if (content !== undefined) await writeFile(join(dataDirectory, 'management.json'), content);
    expect(await readManagementFile(dataDirectory)).toBeUndefined();
  });
});
