// What the client of a sandbox holds: a secret in memory, certificate and key in files that a renewal replaces.

import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { EnvironmentName } from '../environments.js';
import { textAt } from './read-answer.js';
import { SandboxError } from './sandbox-error.js';

/** Runs a command and gives what it prints with --json. */
export type Run = (words: readonly string[]) => Promise<unknown>;

export interface Credentials {
  readonly clientId: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  secret(): string;
  rotateSecret(overlapSeconds: number): Promise<void>;
  /** @returns the thumbprint of the new certificate, and a way to revoke the one before */
  renewCertificate(): Promise<{ readonly thumbprint: string; readonly revokeOld: () => Promise<void> }>;
}

const organisation = 'Sandbox Tests';

/** Makes a client that may do whatever its environment lets a client do. */
export async function createCredentials(
  run: Run,
  folder: string,
  environment: EnvironmentName,
  tokenLifetimeSeconds: number | undefined,
): Promise<Credentials> {
  const own = join(folder, 'client');
  const words = ['clients', 'create', '--environment', environment, '--organisation', organisation];
  // Of its own, in a data directory that is used again.
  words.push('--name', `client ${new Date().toISOString()} ${process.pid}`, '--out', own, '--embedded-model', 'on');
  if (environment === 'sandbox') words.push('--sca', 'off');
  if (tokenLifetimeSeconds !== undefined) words.push('--token-lifetime', `${tokenLifetimeSeconds}s`);
  const created = await run(words);
  const clientId = textAt(created, 'client', 'id');
  let secret = await readSecret(join(own, 'client.env'));
  let certificateId = textAt(created, 'certificateId');
  let made = 0;
  const certificateFile = join(own, 'client.pem');
  const keyFile = join(own, 'client.key');

  return {
    clientId,
    certificateFile,
    keyFile,
    secret: () => secret,
    rotateSecret: async (overlapSeconds) => {
      made += 1;
      const file = join(folder, `secret-${made}.env`);
      // A third live secret is not to be had: the oldest one makes room.
      await run(['secrets', 'rotate', clientId, '--force', '--overlap', `${overlapSeconds}s`, '--out', file]);
      secret = await readSecret(file);
    },
    renewCertificate: async () => {
      made += 1;
      const next = join(folder, `certificate-${made}`);
      await mkdir(next, { mode: 0o700 });
      await run(['certs', 'csr', '--organisation', organisation, '--out', next]);
      const [csr, certificate] = [join(next, 'client.csr'), join(next, 'client.pem')];
      const issued = await run(['certs', 'issue', clientId, '--name', `${made}`, '--csr', csr, '--out', certificate]);
      const oldId = certificateId;
      certificateId = textAt(issued, 'certificate', 'id');
      const { raw } = new X509Certificate(await readFile(certificate));
      // As a careful deployment does: each is whole at any time.
      await rename(join(next, 'client.key'), keyFile);
      await rename(certificate, certificateFile);
      return {
        thumbprint: createHash('sha256').update(raw).digest('base64url'),
        revokeOld: async () => void (await run(['certs', 'revoke', oldId])),
      };
    },
  };
}

async function readSecret(file: string): Promise<string> {
  const secret = /^CLIENT_SECRET="?([^"\n]+)/m.exec(await readFile(file, 'utf8'))?.[1];
  if (secret === undefined) throw new SandboxError(`${file} has no CLIENT_SECRET.`);
  return secret;
}
