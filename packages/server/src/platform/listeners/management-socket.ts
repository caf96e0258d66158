// The management API listens on a Unix socket that only its owner can reach: the socket is 0600 and lies in a fresh 0700
// directory. Where it is stands in <data>/management.json, so that commands find it by the data directory alone.

import { chmod, mkdtemp, readFile, rename, rm, rmdir, unlink, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';

const directoryPrefix = 'tollward-';
const socketName = 'management.sock';
/** Systems cut a longer path without a word, some at 104 bytes, and would listen somewhere else. */
const longestSocketPathBytes = 100;

const managementFile = z.object({ socket: z.string(), pid: z.number(), startedAt: z.string() });
export type ManagementFile = z.output<typeof managementFile>;

export interface ManagementSocket {
  readonly path: string;
  /** Stops listening, cuts what is still connected, and removes the directory and management.json. */
  close(): Promise<void>;
}

export interface ManagementSocketOptions {
  readonly dataDirectory: string;
  readonly server: Server;
  readonly temporaryDirectory?: string;
  readonly clock?: () => number;
}

export class ManagementSocketError extends Error {
  override readonly name = 'ManagementSocketError';
}

/** Whether a management socket made in this directory has a path that no system cuts. */
export function fitsSocketPath(temporaryDirectory: string): boolean {
  return Buffer.byteLength(join(temporaryDirectory, `${directoryPrefix}XXXXXX`, socketName)) <= longestSocketPathBytes;
}

/** @throws ManagementSocketError when the path of the socket would be too long, or another server runs on the directory */
export async function openManagementSocket({
  dataDirectory,
  server,
  temporaryDirectory = tmpdir(),
  clock = Date.now,
}: ManagementSocketOptions): Promise<ManagementSocket> {
  if (!fitsSocketPath(temporaryDirectory)) {
    throw new ManagementSocketError(
      `The management socket can not be made in ${temporaryDirectory}: its path would be over ${longestSocketPathBytes} bytes, ` +
        'and the system would cut it. Set TMPDIR to a shorter path.',
    );
  }
  if (!(await removeLeftover(dataDirectory))) {
    throw new ManagementSocketError(
      `Another server runs on the data directory ${dataDirectory}. Give each its own, with --data-dir: commands find their server by it.`,
    );
  }
  const directory = await mkdtemp(join(temporaryDirectory, directoryPrefix));
  const path = join(directory, socketName);
  try {
    await listen(server, path);
    await chmod(path, 0o600);
    const startedAt = new Date(clock()).toISOString();
    await writeManagementFile(dataDirectory, { socket: path, pid: process.pid, startedAt });
  } catch (error) {
    await stop(server);
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  return {
    path,
    close: async () => {
      await stop(server);
      await rm(directory, { recursive: true, force: true });
      const current = await readManagementFile(dataDirectory);
      if (current?.socket === path) await rm(fileIn(dataDirectory), { force: true });
    },
  };
}

/** Undefined when there is none, or none that can be read: no server is running, or it is about to start. */
export async function readManagementFile(dataDirectory: string): Promise<ManagementFile | undefined> {
  try {
    return managementFile.safeParse(JSON.parse(await readFile(fileIn(dataDirectory), 'utf8'))).data;
  } catch {
    return undefined;
  }
}

function fileIn(dataDirectory: string): string {
  return join(dataDirectory, 'management.json');
}

async function writeManagementFile(dataDirectory: string, content: ManagementFile): Promise<void> {
  // A reader sees the old file or the new one, never a half. The name of the fresh directory makes this one unique.
  const temporary = `${fileIn(dataDirectory)}.${basename(dirname(content.socket))}`;
  await writeFile(temporary, `${JSON.stringify(content)}\n`, { mode: 0o600, flag: 'wx' });
  await rename(temporary, fileIn(dataDirectory));
}

/**
 * A server that was killed leaves its directory behind. Only what this file makes is removed, and only if nobody answers.
 * False when somebody does.
 */
async function removeLeftover(dataDirectory: string): Promise<boolean> {
  const earlier = await readManagementFile(dataDirectory);
  if (earlier === undefined || basename(earlier.socket) !== socketName) return true;
  const directory = dirname(earlier.socket);
  if (!basename(directory).startsWith(directoryPrefix)) return true;
  if (await answers(earlier.socket)) return false;
  try {
    await unlink(earlier.socket);
    await rmdir(directory);
  } catch {
    // Gone already, or not ours to remove. It is in nobody's way.
  }
  return true;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function stop(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
