// Where a PEM or PFX comes from, and when the file it came from changed.

import { readFile, stat } from 'node:fs/promises';
import { readPaste } from '@tollward/protocol/pem';
import { CertificateError } from '../errors.js';
import type { CredentialSource } from '../options.js';
import { askSource } from './ask-source.js';

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
  const value = typeof source === 'function' ? await askFunction(source, option) : source;
  if (typeof value !== 'string' || !isPath(value)) return { content: value, label: `\`${option}\``, file: undefined };
  return askSource(() => readPath(value, option), `The file of \`${option}\``);
}

async function askFunction(source: () => unknown, option: string): Promise<string | Uint8Array> {
  const given = await askSource(source, `The function given as \`${option}\``);
  if (typeof given === 'string' || given instanceof Uint8Array) return given;
  throw new CertificateError(`The function given as \`${option}\` gave neither text nor bytes.`, {
    code: 'source-failed',
  });
}

async function readPath(path: string, option: string): Promise<ReadSource> {
  const label = `\`${option}\` (${path})`;
  const version = await versionOf(path);
  try {
    return { content: await readFile(path), label, file: { path, version } };
  } catch (error) {
    // The error itself names the path, so it is no cause.
    const code = codeOf(error) ?? 'unknown';
    if (!provingPath.has(code) && mayBeKey(path)) {
      throw new CertificateError(
        `\`${option}\` is neither PEM, which begins with -----BEGIN, nor the path of a file. It is not repeated here, because it may be a piece of a key.`,
        { code },
      );
    }
    throw new CertificateError(`${label} can not be read: ${remedies.get(code) ?? `the system says ${code}.`}`, {
      code,
    });
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

/** Not every PEM begins as it should, and half of a key must not be named in a message as a path. */
function isPath(text: string): boolean {
  if (text.includes('-----BEGIN') || text.length > 1_024 || /[\r\n\0]/.test(text)) return false;
  const reading = readPaste(text, 'certificate');
  return !reading.ok && reading.problem === 'not-recognised';
}

/** It is there, so it is a path. */
const provingPath: ReadonlySet<string> = new Set(['EACCES', 'EISDIR']);

/** Long, and mixed as base64 is. Nearly all paths that look like this have a dot. */
function mayBeKey(path: string): boolean {
  const runs = path.match(/[A-Za-z0-9+/=_-]{20,}/g) ?? [];
  return !path.includes('.') && runs.some((run) => /[A-Z]/.test(run) && /[a-z]/.test(run) && /\d/.test(run));
}

const remedies: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'there is no such file. A relative path starts at the working directory of the process.'],
  ['EACCES', 'this process may not read it. Give its user the right to read the file and to enter its directories.'],
  ['EISDIR', 'it is a directory. Name the file in it.'],
]);

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
