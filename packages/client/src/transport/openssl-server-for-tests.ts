// `openssl s_server`, which tells a client in an alert what it has against its certificate. Node's server only closes.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pair } from './openssl-for-tests.js';

export interface OpensslServer {
  readonly origin: string;
  stop(): void;
}

/** Accepts only clients with a certificate of this authority. */
export async function startOpensslServer(
  own: Pair,
  authority: Pair,
  version: '-tls1_2' | '-tls1_3',
): Promise<OpensslServer> {
  const directory = mkdtempSync(join(tmpdir(), 'tollward-client-'));
  const file = (name: string, content: string) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const child = spawn(
    'openssl',
    [
      ...['s_server', '-accept', '127.0.0.1:0', '-www', version, '-Verify', '1', '-verify_return_error'],
      ...[
        '-cert',
        file('own.crt', own.cert),
        '-key',
        file('own.key', own.key),
        '-CAfile',
        file('ca.crt', authority.cert),
      ],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const port = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const found = /ACCEPT .*:(\d+)\n/.exec(printed)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.on('close', () => reject(new Error(`openssl s_server ended: ${printed}`)));
  });
  return {
    origin: `https://localhost:${port}`,
    stop() {
      child.kill();
      rmSync(directory, { recursive: true });
    },
  };
}
