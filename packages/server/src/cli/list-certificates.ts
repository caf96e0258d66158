import { environments } from '@tollward/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type CertificateListBody,
  certificateListSchema,
  largestPage,
} from '../surfaces/management/schemas/certificates.js';
import { type Cli, type CliContext, done, type Outcome } from './cli.js';
import { describeAgo } from './duration.js';
import { askManagement } from './management-client.js';
import { describeCertificateState } from './show-client.js';
import { renderTable } from './text.js';

interface ListOptions {
  readonly client?: string;
  readonly environment?: string;
  readonly endingWithin?: number;
}

export function addListCertificatesCommand(certs: Command, { context, run }: Cli): void {
  certs
    .command('list')
    .description('list certificates, the first to end first')
    .option('--client <client-id>', 'of this client only')
    .addOption(new Option('--environment <environment>').choices(environments))
    .option('--ending-within <days>', 'only those in force that end within so many days', parseDays)
    .action((options: ListOptions) => run(async (load) => listCertificates(load().settings.dataDir, options, context)));
}

function parseDays(text: string): number {
  const days = /^\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
  if (days <= 366) return days;
  throw new InvalidArgumentError('It must be a whole number of days, 0 to 366.');
}

async function listCertificates(
  dataDirectory: string,
  { client, environment, endingWithin }: ListOptions,
  context: CliContext,
): Promise<Outcome> {
  const query = new URLSearchParams({ limit: String(largestPage) });
  if (client !== undefined) query.set('clientId', client);
  if (environment !== undefined) query.set('environment', environment);
  if (endingWithin !== undefined) query.set('endingWithinDays', String(endingWithin));
  const certificates: CertificateListBody['certificates'][number][] = [];
  let next: string | null = null;
  do {
    if (next !== null) query.set('after', next);
    const path = `/certificates?${query.toString()}`;
    const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: certificateListSchema });
    if (!answer.ok) return answer.outcome;
    certificates.push(...answer.value.certificates);
    next = answer.value.next;
  } while (next !== null);
  const now = context.clock();
  if (certificates.length === 0) return done('There is no such certificate.', { certificates });
  const rows = certificates.map((certificate) => [
    certificate.id,
    certificate.environment,
    `${certificate.clientName} of ${certificate.organisation}`,
    certificate.name,
    certificate.notAfter.toISOString(),
    certificate.lastUsedAt === null ? 'never' : describeAgo(certificate.lastUsedAt, now),
    describeCertificateState(certificate, now),
  ]);
  const header = ['CERTIFICATE', 'ENVIRONMENT', 'CLIENT', 'NAME', 'ENDS', 'LAST USED', 'STATE'];
  return done(renderTable(header, rows, context), { certificates });
}
