import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** How far each port of the server is from its port base. */
export const portDistances = {
  sandbox: { api: 3, mtls: 4, simulator: 7 },
  production: { api: 1_003, mtls: 1_004, simulator: 1_007 },
  operations: 650,
} as const;

const all = [
  ...Object.values(portDistances.sandbox),
  ...Object.values(portDistances.production),
  portDistances.operations,
];

/** A port base of which every port is free now, below the ports that systems hand out by themselves. */
export async function findPortBase(): Promise<number> {
  for (;;) {
    const base = randomInt(20_000, 31_000);
    const free = await Promise.all(all.map((distance) => isFree(base + distance)));
    if (!free.includes(false)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
