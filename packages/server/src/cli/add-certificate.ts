// `certs issue` and `certs upload`: the two ways a client gets a certificate.

import type { Command } from 'commander';
import type { z } from 'zod';
import { addedCertificateSchema } from '../surfaces/management/schemas/certificates.js';
import { type Cli, type CliContext, done, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { openNewFile } from './new-file.js';
import { readPemInput } from './pem-input.js';
import { renderFields } from './text.js';

interface IssueOptions {
  readonly name: string;
  readonly csr: string;
  readonly out?: string;
}

interface UploadOptions {
  readonly name: string;
  readonly cert: string;
}

const nameDescription = 'name of the certificate, unique for the client';

export function addAddCertificateCommands(certs: Command, { context, run }: Cli): void {
  certs
    .command('issue')
    .argument('<client-id>')
    .description('sign a certificate request of a client')
    .requiredOption('--name <name>', nameDescription)
    .requiredOption('--csr <file>', 'the certificate request; "-" for standard input')
    .option('--out <file>', 'where to write the certificate with its chain; without it they are printed')
    .action((clientId: string, options: IssueOptions) =>
      run(async (load) => issueCertificate(load().settings.dataDir, clientId, options, context)),
    );

  certs
    .command('upload')
    .argument('<client-id>')
    .description('register a certificate that a client brings, exactly as it is')
    .requiredOption('--name <name>', nameDescription)
    .requiredOption('--cert <file>', 'the certificate; "-" for standard input')
    .action((clientId: string, options: UploadOptions) =>
      run(async (load) => uploadCertificate(load().settings.dataDir, clientId, options, context)),
    );
}

async function issueCertificate(
  dataDirectory: string,
  clientId: string,
  { name, csr, out }: IssueOptions,
  context: CliContext,
): Promise<Outcome> {
  const input = await readPemInput(csr, 'certificate-request', context);
  if (!input.ok) return input.outcome;
  const opened =
    out === undefined ? undefined : await openNewFile(context.workingDirectory, out, 'No certificate was made.');
  if (opened?.ok === false) return opened.outcome;
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `/clients/${encodeURIComponent(clientId)}/issued-certificates`,
    body: { name, csr: input.pem },
    answer: addedCertificateSchema,
  });
  if (!answer.ok) {
    await opened?.file.discard();
    return answer.outcome;
  }
  const { certificate, chainPem = '' } = answer.value;
  const fields = describeAdded(certificate);
  const printed = done(`${renderFields(fields, context)}\n\n${chainPem.trimEnd()}`, answer.value);
  if (opened === undefined) return printed;
  const { file } = opened;
  const problem = await file.write(chainPem);
  if (problem === undefined) {
    return done(renderFields([...fields, ['File', file.path]], context), { certificate, file: file.path });
  }
  const message = `Certificate ${certificate.id} was made, but ${file.path} could not be written (${problem}). It is on standard output.`;
  return { ...printed, exitCode: exitCodes.failure, problem: { message } };
}

async function uploadCertificate(
  dataDirectory: string,
  clientId: string,
  { name, cert }: UploadOptions,
  context: CliContext,
): Promise<Outcome> {
  const input = await readPemInput(cert, 'certificate', context);
  if (!input.ok) return input.outcome;
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `/clients/${encodeURIComponent(clientId)}/uploaded-certificates`,
    body: { name, certificate: input.pem },
    answer: addedCertificateSchema,
  });
  return answer.ok
    ? done(renderFields(describeAdded(answer.value.certificate), context), answer.value)
    : answer.outcome;
}

function describeAdded(certificate: z.output<typeof addedCertificateSchema>['certificate']): [string, string][] {
  return [
    ['Certificate', `${certificate.id}, "${certificate.name}" of client ${certificate.clientId}`],
    ['Subject', certificate.subject],
    ['Key', certificate.keyType],
    ['Valid', `from ${certificate.notBefore.toISOString()} until ${certificate.notAfter.toISOString()}`],
    ['SHA-256', certificate.sha256],
  ];
}
