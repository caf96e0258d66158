// `certs platform`: what a partner puts into its trust store.

import { environments } from '@tollward/protocol';
import { type Command, Option } from 'commander';
import { platformChainSchema } from '../surfaces/management/schemas/certificates.js';
import { type Cli, type CliContext, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { openNewFile } from './new-file.js';
import { renderFields } from './text.js';

interface PlatformOptions {
  readonly environment: string;
  readonly out?: string;
}

export function addPlatformCommand(certs: Command, { context, run }: Cli): void {
  certs
    .command('platform')
    .description(
      "print the chains of the servers' certificates, those of the next root too, for the trust stores of partners",
    )
    .addOption(new Option('--environment <environment>').choices(environments).makeOptionMandatory())
    .option('--out <file>', 'where to write the roots, and nothing else, as PEM')
    .action((options: PlatformOptions) =>
      run(async (load) => printPlatformChain(load().settings.dataDir, options, context)),
    );
}

async function printPlatformChain(
  dataDirectory: string,
  { environment, out }: PlatformOptions,
  context: CliContext,
): Promise<Outcome> {
  const path = `/environments/${environment}/platform-chain`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: platformChainSchema });
  if (!answer.ok) return answer.outcome;
  const { certificates } = answer.value;
  const describe = ({
    role,
    subject,
    sha256,
    notAfter,
    usedFrom,
  }: (typeof certificates)[number]): [string, string][] => [
    ['Role', role === 'root' ? 'root: this one goes into the trust store' : 'issuing: servers send it themselves'],
    ['Subject', subject],
    ['SHA-256', sha256],
    ['Used from', usedFrom.toISOString()],
    ['Ends', notAfter.toISOString()],
  ];
  if (out === undefined) {
    const blocks = certificates.map((one) => `${renderFields(describe(one), context)}\n\n${one.pem.trimEnd()}`);
    return done(blocks.join('\n\n'), answer.value);
  }
  const opened = await openNewFile(context.workingDirectory, out, 'Nothing was written.');
  if (!opened.ok) return opened.outcome;
  const roots = certificates.filter(({ role }) => role === 'root');
  const problem = await opened.file.write(roots.map(({ pem }) => pem).join(''));
  if (problem !== undefined) {
    return failed(exitCodes.failure, `${opened.file.path} could not be written (${problem}).`);
  }
  const fields = [...roots.flatMap(describe), ['File', opened.file.path] as const];
  const listed = roots.map(({ pem: _, ...root }) => root);
  return done(renderFields(fields, context), { environment, certificates: listed, file: opened.file.path });
}
