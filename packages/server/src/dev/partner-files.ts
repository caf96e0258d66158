import { createHash, X509Certificate } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretValue } from '../platform/secret-value.js';
import { writePrivateFile } from './private-file.js';

/** Where a seeded partner's credentials lie, as a partner would keep them. */
export interface PartnerFiles {
  readonly clientId: string;
  readonly secret: SecretValue;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** A curl config with the user name and password, so that neither stands in a process list. */
  readonly curlConfigFile: string;
}

function filesIn(directory: string): Omit<PartnerFiles, 'clientId' | 'secret'> {
  return {
    certificateFile: join(directory, 'client.pem'),
    keyFile: join(directory, 'client.key'),
    curlConfigFile: join(directory, 'credentials.curl'),
  };
}

export async function writePartnerFiles(
  directory: string,
  credentials: {
    readonly clientId: string;
    readonly secret: SecretValue;
    readonly chainPem: string;
    readonly keyPem: string;
  },
): Promise<PartnerFiles> {
  const files = filesIn(directory);
  const { clientId, secret } = credentials;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await writePrivateFile(files.certificateFile, credentials.chainPem);
  await writePrivateFile(files.keyFile, credentials.keyPem);
  // Written last: it is what tells the next start that the folder is complete.
  await writePrivateFile(files.curlConfigFile, `user = "${clientId}:${secret.reveal()}"\n`);
  return { clientId, secret, ...files };
}

export interface StoredPartner {
  readonly files: PartnerFiles;
  readonly thumbprint: string;
}

/** The credentials of an earlier start; undefined when any of them is missing or unreadable. */
export async function readPartnerFiles(directory: string): Promise<StoredPartner | undefined> {
  const files = filesIn(directory);
  try {
    const user = /^user = "(cli_\w+):(\w+)"$/m.exec(await readFile(files.curlConfigFile, 'utf8'));
    const certificate = new X509Certificate(await readFile(files.certificateFile));
    await readFile(files.keyFile);
    if (user?.[1] === undefined || user[2] === undefined) return undefined;
    const thumbprint = createHash('sha256').update(certificate.raw).digest('base64url');
    return { files: { clientId: user[1], secret: new SecretValue(user[2]), ...files }, thumbprint };
  } catch {
    return undefined;
  }
}
