// One process per data directory. PGlite takes no lock of its own, and two processes on one directory destroy it.
//
// The lock is a bound socket: the kernel frees it when its process dies, however it dies, and nobody has to decide
// whether the owner of a pid file is still alive. It reaches as far as one kernel (on Linux: one network namespace), so
// a directory shared between machines or containers is not protected.

import { createHash } from 'node:crypto';
import { mkdir, realpath, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataDirectoryInUseError } from './database-errors.js';

export interface DataDirectoryLock {
  release(): Promise<void>;
}

/**
 * Creates the directory if it is missing and locks it.
 *
 * @throws DataDirectoryInUseError
 */
export async function lockDataDirectory(
  directory: string,
  platform: NodeJS.Platform = process.platform,
): Promise<DataDirectoryLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const id = createHash('sha256')
    .update(await realpath(directory))
    .digest('hex');
  const name = `tollward-${id}`;
  const server = platform === 'linux' ? await listen(`\0${name}`) : await listenOnPath(id);
  if (!server) throw new DataDirectoryInUseError(directory, platform === 'linux' ? whoHolds(name) : '');
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Names without a file have no owner: any local user can bind ours first, and keep us from starting. */
function whoHolds(name: string): string {
  return ` If none is, a process of another user may hold the name of its lock: as root, "ss -xlp | grep ${name}" shows which.`;
}

// Outside Linux the socket is a file that stays behind when its process is killed. Nobody answers on such a file.
async function listenOnPath(id: string): Promise<Server | undefined> {
  // Half of the hash, because macOS cuts socket paths at 104 bytes.
  const path = join(tmpdir(), `tollward-${id.slice(0, 32)}.sock`);
  const server = await listen(path);
  if (server || (await isAnswering(path))) return server;
  await rm(path, { force: true });
  return listen(path);
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    // exclusive: workers of node:cluster would otherwise share the socket, and with it the lock.
    server.listen({ path, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

function isAnswering(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // A socket file without a listener refuses. Anything else may be a living process that is merely busy.
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
