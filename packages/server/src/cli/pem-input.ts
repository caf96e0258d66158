// Certificates and requests that commands are given. They are told apart here, before anything goes to the server: what
// people hand over by mistake is their private key.

import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { describePaste, encodePem, type PasteProblem, type PemWanted, readPaste } from '@tollward/protocol/pem';
import { type CliContext, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { readStart } from './read-start.js';

export type PemInput = { readonly ok: true; readonly pem: string } | { readonly ok: false; readonly outcome: Outcome };

const labels: Readonly<Record<PemWanted, string>> = {
  certificate: 'CERTIFICATE',
  'certificate-request': 'CERTIFICATE REQUEST',
};

/** One thing of the wanted kind, from a file or, for `-`, from standard input; encoded anew, so that nothing else goes along. */
export async function readPemInput(name: string, wanted: PemWanted, context: CliContext): Promise<PemInput> {
  const input = await readInput(name, context);
  if (!input.ok) return input;
  const paste = readPaste(input.bytes, wanted);
  return paste.ok ? { ok: true, pem: encodePem(labels[wanted], paste.der) } : notSent(paste);
}

export type AnyPemInput =
  | { readonly ok: true; readonly pems: readonly string[] }
  | { readonly ok: false; readonly outcome: Outcome };

/** A certificate, the certificates of a chain, or a request. */
export async function readAnyPemInput(name: string, context: CliContext): Promise<AnyPemInput> {
  const input = await readInput(name, context);
  if (!input.ok) return input;
  const paste = describePaste(input.bytes);
  if (paste.kind === 'problem') return notSent(paste);
  const ders = paste.kind === 'chain' ? paste.ders : [paste.der];
  const label = labels[paste.kind === 'certificate-request' ? paste.kind : 'certificate'];
  return { ok: true, pems: ders.map((der) => encodePem(label, der)) };
}

/** Other than one that was pasted into a page or sent to an API, a key that this command read is where it was before. */
const keyStaysSecret =
  'This has a private key in it. Name the file of the certificate or of the certificate request instead ("tollward certs csr" ' +
  'makes one). If the key ever left this machine, treat it as compromised and make a new one.';

const bundleStaysSecret =
  'This is a PKCS #12 file (.p12 or .pfx), which usually holds a private key. Take the certificate out of it: openssl pkcs12 -clcerts ' +
  '-nokeys -in client.p12 -out client.pem. If the file ever left this machine, treat its key as compromised.';

function notSent({ problem, remedy }: { readonly problem: PasteProblem; readonly remedy: string }) {
  // Last comes the remedy, which can end with a command to copy.
  const text = problem === 'private-key' ? keyStaysSecret : problem === 'pkcs12' ? bundleStaysSecret : remedy;
  return { ok: false, outcome: failed(exitCodes.usage, `It was NOT sent to the server. ${text}`) } as const;
}

type RawInput =
  | { readonly ok: true; readonly bytes: string | Uint8Array }
  | { readonly ok: false; readonly outcome: Outcome };

async function readInput(name: string, { workingDirectory, readInput }: CliContext): Promise<RawInput> {
  if (name === '-') {
    const text = await readInput();
    if (text !== undefined) return { ok: true, bytes: text };
    return { ok: false, outcome: failed(exitCodes.usage, 'There is nothing on standard input. Name a file instead.') };
  }
  try {
    return { ok: true, bytes: await readStart(createReadStream(resolve(workingDirectory, name))) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown reason';
    return { ok: false, outcome: failed(exitCodes.usage, code === 'ENOENT' ? noSuchFile : `${notRead} (${code}).`) };
  }
}

// Neither repeats the name: it can be a private key that was given in place of its file.
const noSuchFile = 'There is no file of that name. Name a file, or "-" for standard input.';
const notRead = 'The file can not be read';
