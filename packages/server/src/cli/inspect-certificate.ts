// `certs inspect`: explains a certificate or a request, with what the server knows of it when one runs.

import type { Command } from 'commander';
import type { z } from 'zod';
import { explainCertificate } from '../certificates/index.js';
import { isId } from '../platform/ids.js';
import { certificateDetailsSchema, certificateInspectionSchema } from '../surfaces/management/schemas/certificates.js';
import { type Cli, type CliContext, done, failed, type Outcome } from './cli.js';
import { renderRetirement } from './credential-uses.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { readAnyPemInput } from './pem-input.js';
import { describeCertificateState } from './show-client.js';
import { type Page, renderFields } from './text.js';

type Inspection = z.output<typeof certificateInspectionSchema>;

interface InspectOptions {
  readonly client?: string;
}

export function addInspectCommand(certs: Command, { context, run }: Cli): void {
  certs
    .command('inspect')
    .argument('<file-or-id>', 'a file, "-" for standard input, or the id of a certificate')
    .description('explain a certificate or a certificate request, and whether it would be accepted')
    .option('--client <client-id>', 'judge a file for this client')
    .action((name: string, options: InspectOptions) =>
      run(async (load) => {
        const { dataDir } = load().settings;
        if (!isId('crt', name)) return inspectFile(dataDir, name, options, context);
        if (options.client !== undefined) return failed(exitCodes.usage, clientWithId);
        return showCertificate(dataDir, name, context);
      }),
    );
}

const clientWithId = 'The id of a certificate says whose it is already: leave --client out, or name a file.';

async function inspectFile(
  dataDirectory: string,
  name: string,
  { client }: InspectOptions,
  context: CliContext,
): Promise<Outcome> {
  const input = await readAnyPemInput(name, context);
  if (!input.ok) return input.outcome;
  const [first = '', ...others] = input.pems;
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: '/certificates/inspection',
    body: { text: first, clientId: client },
    answer: certificateInspectionSchema,
  });
  if (!answer.ok && answer.running) return answer.outcome;
  const now = context.clock();
  const inspection: Inspection = answer.ok ? answer.value : await explainCertificate(first, { clientId: client, now });
  const chain: Inspection[] = [];
  for (const pem of others) chain.push(await explainCertificate(pem, { now }));

  // The question was answered, so standard output has the answer; the exit code is what a script branches on.
  const json = { ...inspection, lookedUp: answer.ok, chain: chain.map(({ facts }) => facts) };
  const output = { text: renderInspection(inspection, chain, context), json };
  return { exitCode: inspection.accepted ? exitCodes.ok : exitCodes.refused, output };
}

function renderInspection(
  { facts, request, registrations, checks, verdict, remedy }: Inspection,
  chain: readonly Inspection[],
  page: Page,
): string {
  const fields: [string, string][] = [['Verdict', verdict]];
  if (remedy !== undefined) fields.push(['What to do', remedy]);
  const allChecks = [checks, ...registrations.map((registration) => registration.checks)].flat();
  for (const { name, ok, detail } of allChecks) fields.push([`${ok ? 'ok  ' : 'no  '}${name}`, detail]);
  if (request !== undefined) fields.push(['Subject', request.subject], ['Key', request.keyType]);
  if (facts !== undefined) {
    fields.push(
      ['Subject', facts.subject],
      ['Issuer', facts.selfSigned ? 'itself' : facts.issuer],
      ['Serial number', facts.serialNumber],
      ['SHA-256 in hex', facts.sha256],
      ['in base64url', facts.thumbprint],
    );
    if (facts.alternativeNames !== '') fields.push(['Other names', facts.alternativeNames]);
  }
  for (const [index, other] of chain.entries()) {
    fields.push([`Chain, number ${index + 2}`, other.facts?.subject ?? 'can not be read']);
  }
  return renderFields(fields, page);
}

async function showCertificate(dataDirectory: string, id: string, context: CliContext): Promise<Outcome> {
  const path = `/certificates/${id}`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: certificateDetailsSchema });
  if (!answer.ok) return answer.outcome;
  const { certificate, pem } = answer.value;
  const now = context.clock();
  const fields: [string, string][] = [
    ['Certificate', `${id}, "${certificate.name}", ${certificate.origin}`],
    ['Client', `${certificate.clientId} in ${certificate.environment}`],
    ['State', describeCertificateState(certificate, now)],
    ['Subject', certificate.subject],
    ['Issuer', certificate.issuer],
    ['Serial number', certificate.serialNumber],
    ['Key', certificate.keyType],
    ['Valid', `from ${certificate.notBefore.toISOString()} until ${certificate.notAfter.toISOString()}`],
    ['SHA-256 in hex', certificate.sha256],
    ['in base64url', Buffer.from(certificate.sha256, 'hex').toString('base64url')],
  ];
  const uses = renderRetirement(
    certificate,
    { now, certificateNames: new Map([[certificate.id, certificate.name]]) },
    context,
  );
  const text = [renderFields(fields, context), uses.join('\n'), pem.trimEnd()].join('\n\n');
  return done(text, answer.value);
}
