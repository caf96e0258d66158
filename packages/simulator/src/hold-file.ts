// One process per journal: two that append would break its chain. The lock is a bound name, which the kernel frees when its
// process dies, however it dies. Only Linux has such names without a file behind them; elsewhere nothing is held.

import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { createServer } from 'node:net';

export interface Hold {
  release(): Promise<void>;
}

/** Undefined: another process has it. */
export async function holdFile(path: string): Promise<Hold | undefined> {
  if (process.platform !== 'linux') return { release: () => Promise.resolve() };
  const id = createHash('sha256')
    .update(await realpath(path))
    .digest('hex');
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
    );
    server.listen(`\0tollward-simulator-${id}`, () => {
      server.unref();
      resolve({ release: () => new Promise((done) => server.close(() => done())) });
    });
  });
}
