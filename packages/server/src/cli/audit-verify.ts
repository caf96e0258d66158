import { createPublicKey } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import {
  type ChainReport,
  type CheckpointAnchor,
  fingerprintOf,
  type VerifyChain,
  verifyExport,
  verifySource,
} from '../audit/index.js';
import { withChainSource } from './audit-source.js';
import { type Cli, type CliContext, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { type Page, renderFields } from './text.js';

interface VerifyOptions {
  readonly key?: string;
  readonly checkpoint?: CheckpointAnchor;
}

export function addAuditVerifyCommand(audit: Command, { context, run }: Cli): void {
  audit
    .command('verify')
    .description('check that nothing was changed, removed, inserted, moved or cut off')
    .argument('[file]', 'an exported file, "-" for standard input; left out: the chain of this installation')
    .option('--key <key>', 'a public key that you know: its SHA-256 fingerprint, or a PEM file')
    .option('--checkpoint <number:hash>', 'a checkpoint that you noted', parseCheckpoint)
    .action((name: string | undefined, { key, checkpoint }: VerifyOptions) =>
      run(async (load) => {
        const trusted = key === undefined ? { ok: true as const, keyId: undefined } : await readKey(key, context);
        if (!trusted.ok) return failed(exitCodes.usage, trusted.problem);
        const options: VerifyChain = { trustedKeyId: trusted.keyId, anchor: checkpoint };
        if (name !== undefined) return describe(await verifyExport(openFile(name, context), options), options, context);
        return withChainSource(load().settings, context, async (source) =>
          describe(await verifySource(source, options), options, context),
        );
      }),
    );
}

function openFile(name: string, { workingDirectory, streamInput }: CliContext): AsyncIterable<Uint8Array> {
  return name === '-' ? streamInput() : createReadStream(resolve(workingDirectory, name));
}

function parseCheckpoint(text: string): CheckpointAnchor {
  const match = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text.trim());
  if (match === null) {
    throw new InvalidArgumentError(
      'It must be a number, a colon and 64 hex digits, as "audit checkpoint" prints them.',
    );
  }
  return { number: Number(match[1]), hash: String(match[2]).toLowerCase() };
}

type TrustedKey = { readonly ok: true; readonly keyId: string } | { readonly ok: false; readonly problem: string };

async function readKey(text: string, { workingDirectory }: CliContext): Promise<TrustedKey> {
  if (/^[0-9a-f]{64}$/i.test(text)) return { ok: true, keyId: text.toLowerCase() };
  const pem = await readFile(resolve(workingDirectory, text)).catch(() => undefined);
  if (pem === undefined) return { ok: false, problem: '--key is neither 64 hex digits nor a file that can be read.' };
  // Of a private key Node would take the public part without a word.
  if (pem.includes('PRIVATE KEY')) return { ok: false, problem: '--key names a private key. Give the public one.' };
  try {
    return { ok: true, keyId: fingerprintOf(createPublicKey(pem).export({ type: 'spki', format: 'der' })) };
  } catch {
    return { ok: false, problem: 'The file that --key names holds no public key in PEM.' };
  }
}

function describe(report: ChainReport, { trustedKeyId }: VerifyChain, page: Page): Outcome {
  const { problems, notes, entries, checkpoints, newest } = report;
  const isWhole = problems.length === 0;
  const fields: [string, string][] = [
    ['Verdict', isWhole ? 'whole: no change was found' : 'NOT WHOLE'],
    ...problems.map(({ text }): [string, string] => ['Problem', text]),
    ['Entries', String(entries)],
    ['Checkpoints', String(checkpoints)],
  ];
  if (newest !== null) {
    fields.push(['Newest', `${newest.number}:${newest.hash} of ${newest.signedAt}, over ${newest.position} entries`]);
    fields.push(['Key', `${newest.keyId}${trustedKeyId === undefined ? ', taken from the chain itself' : ''}`]);
  }
  for (const note of notes) fields.push(['Note', note]);
  // The question was answered, so standard output has the answer; the exit code is what a script branches on.
  return {
    exitCode: isWhole ? exitCodes.ok : exitCodes.failure,
    output: { text: renderFields(fields, page), json: { whole: isWhole, ...report } },
  };
}
