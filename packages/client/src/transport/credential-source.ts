// Where a PEM or PFX comes from, and when the file it came from changed.

import { readFile, stat } from 'node:fs/promises';
import { readPaste } from '@tollward/protocol/pem';
import { CertificateError } from '../errors.js';
import type { CredentialSource } from '../options.js';

export interface ReadSource {
  readonly content: string | Uint8Array;
  /** What messages call it: the option, and the file when there is one. */
  readonly label: string;
  readonly file: FileVersion | undefined;
}

/** A file as it was before it was read, so that a change while it is read is seen at the next look. */
export interface FileVersion {
  readonly path: string;
  readonly version: string;
}

/** @throws CertificateError when it can not be read */
export async function readSource(source: CredentialSource, option: string): Promise<ReadSource> {
  const value = typeof source === 'function' ? await ask(source, option) : source;
  if (typeof value !== 'string' || !isPath(value)) return { content: value, label: `\`${option}\``, file: undefined };
  const label = `\`${option}\` (${value})`;
  const version = await versionOf(value);
  try {
    return { content: await readFile(value), label, file: { path: value, version } };
  } catch (error) {
    const code = codeOf(error) ?? 'unknown';
    const remedy = remedies.get(code) ?? `the system says ${code}.`;
    throw new CertificateError(`${label} can not be read: ${remedy}`, { code, cause: error });
  }
}

/** Changes whenever the file does: also when another one takes its place, or a link on the way to it is switched. */
export async function versionOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return codeOf(error) ?? 'unknown';
  }
}

async function ask(source: () => string | Uint8Array | Promise<string | Uint8Array>, option: string) {
  try {
    return await source();
  } catch (error) {
    // What it says may have a secret in it, so it is the cause only.
    throw new CertificateError(`The function given as \`${option}\` failed: its error is the \`cause\` of this one.`, {
      code: 'source-failed',
      cause: error,
    });
  }
}

/** Not every PEM begins as it should, and half of a key must not be named in a message as a path. */
function isPath(text: string): boolean {
  if (text.includes('-----BEGIN') || text.length > 1_024 || /[\r\n\0]/.test(text)) return false;
  const reading = readPaste(text, 'certificate');
  return !reading.ok && reading.problem === 'not-recognised';
}

const remedies: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file. A relative path starts at the working directory of the process.'],
  ['EACCES', 'this process may not read it. Give its user the right to read the file and to enter its directories.'],
  ['EISDIR', 'it is a directory. Name the file in it.'],
]);

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
