// One worker of the long run: a client of its own, which reads its credentials where they are deployed, and calls without end.

import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { PartnerClient } from '@tollward/client';

export interface WorkerSettings {
  readonly baseUrl: string;
  readonly clientId: string;
  readonly secretFile: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface WorkerReport {
  /** GET and POST, each as often as the other, within one. */
  readonly calls: number;
  readonly posts: number;
  readonly tokens: number;
  /** Why, one for each. */
  readonly retries: readonly string[];
  /** What the server said last of the certificate it saw. */
  readonly thumbprint: string;
  /** One line for each call that failed. */
  readonly failures: readonly string[];
}

interface Playground {
  readonly certificateThumbprint: string;
}

const pauseMs = 100;
const { baseUrl, clientId, secretFile, certificateFile, keyFile, caFile } = workerData as WorkerSettings;
const report = { calls: 0, posts: 0, tokens: 0, retries: [] as string[], thumbprint: '', failures: [] as string[] };
const client = new PartnerClient({
  environment: { baseUrl, name: 'sandbox' },
  clientId,
  clientSecret: async () => (await readFile(secretFile, 'utf8')).trim(),
  mtls: { cert: certificateFile, key: keyFile },
  ca: caFile,
  onEvent: (event) => {
    if (event.type === 'token:fetched') report.tokens += 1;
    if (event.type === 'retry') report.retries.push(event.reason);
  },
});

async function count(call: () => Promise<void>): Promise<void> {
  report.calls += 1;
  try {
    await call();
  } catch (error) {
    const { name, message } = error instanceof Error ? error : { name: 'thrown', message: String(error) };
    report.failures.push(`${new Date().toISOString()} ${name}: ${message}`);
  }
}

let stopping = false;
parentPort?.on('message', () => {
  stopping = true;
});

while (!stopping) {
  await count(async () => {
    report.thumbprint = (await client.get<Playground>('/v1/authenticated/playground')).body.certificateThumbprint;
  });
  // Without a key: it may be sent again only if it can not have arrived.
  await count(async () => {
    await client.post('/v1/things', { amount: 1 });
    report.posts += 1;
  });
  parentPort?.postMessage(report);
  await pause(pauseMs * (0.5 + Math.random()));
}
await client.close();
parentPort?.postMessage(report);
parentPort?.close();
