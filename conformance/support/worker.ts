// The worker of the examples, as a process of its own.

import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Partner } from './partner.js';
import { finish, makeDirectory, type Program, startShell } from './program.js';

const script = fileURLToPath(new URL('../../examples/rotate-credentials/worker.mjs', import.meta.url));

export interface WorkerReport {
  readonly calls: number;
  readonly failed: number;
  readonly failures: Readonly<Record<string, number>>;
}

export interface Worker {
  /** The last that it said. */
  report(): WorkerReport;
  /** Resolves to the last report when its running call is over. */
  stop(): Promise<WorkerReport>;
}

const nothingYet: WorkerReport = { calls: 0, failed: 0, failures: {} };

/** A worker that may go to any of these addresses. */
export function startWorker(partner: Partner, mtlsUrls: readonly string[]): Worker {
  const folder = makeDirectory();
  const version = join(folder, 'v1');
  mkdirSync(version);
  writeFileSync(join(version, 'client.env'), `CLIENT_ID=${partner.clientId}\nCLIENT_SECRET=${partner.secret}\n`);
  writeFileSync(join(version, 'client.pem'), partner.identity.cert);
  writeFileSync(join(version, 'client.key'), partner.identity.key);
  symlinkSync('v1', join(folder, 'current'));
  const caFile = join(folder, 'ca.pem');
  writeFileSync(caFile, partner.ca);
  const program: Program = startShell(`exec '${process.execPath}' '${script}' '${folder}'`, {
    MTLS_URL: mtlsUrls.join(','),
    CA_FILE: caFile,
  });
  const report = (): WorkerReport => {
    const line = program.out().trimEnd().split('\n').at(-1);
    return line === undefined || line === '' ? nothingYet : JSON.parse(line);
  };
  return {
    report,
    stop: async () => {
      program.kill('SIGTERM');
      const { code, error } = await finish(program);
      if (code !== 0) throw new Error(`the worker ended with ${code}: ${error}`);
      return report();
    },
  };
}
