import { environments } from '@tollward/protocol';
import { Option } from 'commander';
import {
  type ClientDetailsBody,
  type ClientSummaryBody,
  clientDetailsSchema,
  clientListSchema,
  revocationSchema,
} from '../surfaces/management/schemas.js';
import { type Cli, done, type Outcome } from './cli.js';
import { type CreateClientOptions, createClient } from './create-client.js';
import { askManagement } from './management-client.js';
import { type Page, renderFields, renderTable } from './text.js';

export function addClientsCommand({ program, context, run }: Cli): void {
  const clients = program.command('clients').description('the OAuth clients of organisations');
  const environmentOption = () => new Option('--environment <environment>').choices(environments);

  clients
    .command('create')
    .description('make a client with a secret, a key and a certificate, and write them to files')
    .addOption(environmentOption().makeOptionMandatory())
    .requiredOption('--organisation <name>', 'the partner company; made when there is none of this name')
    .requiredOption('--name <name>', 'name of the client, unique within organisation and environment')
    .addOption(new Option('--mtls <switch>', 'whether it must use mutual TLS').choices(['on', 'off']).default('on'))
    .option('--out <folder>', 'where to write client.env, client.pem and client.key (default: ./<name>)')
    .action((options: CreateClientOptions) =>
      run(async (load) => createClient(load().settings.dataDir, options, context)),
    );

  clients
    .command('list')
    .description('list clients, of both environments unless one is named')
    .addOption(environmentOption())
    .action(({ environment }: { environment?: string }) =>
      run(async (load) => listClients(load().settings.dataDir, environment, context)),
    );

  clients
    .command('show')
    .argument('<client-id>')
    .description('show a client with its secrets (never their values) and certificates')
    .action((id: string) => run(async (load) => showClient(load().settings.dataDir, id, context)));

  clients
    .command('revoke')
    .argument('<client-id>')
    .description('revoke a client for good, and with it all its tokens')
    .action((id: string) => run(async (load) => revokeClient(load().settings.dataDir, id)));
}

async function listClients(dataDirectory: string, environment: string | undefined, page: Page): Promise<Outcome> {
  const path = environment === undefined ? '/clients' : `/clients?environment=${environment}`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: clientListSchema });
  if (!answer.ok) return answer.outcome;
  const { clients } = answer.value;
  if (clients.length === 0) return done('There are no clients yet. "tollward clients create" makes one.', answer.value);
  const rows = clients.map((client) => [
    client.id,
    client.environment,
    client.organisation.name,
    client.name,
    client.mtlsRequired ? 'required' : 'off',
    describeState(client),
  ]);
  const header = ['CLIENT', 'ENVIRONMENT', 'ORGANISATION', 'NAME', 'MTLS', 'STATE'];
  return done(renderTable(header, rows, page), answer.value);
}

async function showClient(dataDirectory: string, id: string, page: Page): Promise<Outcome> {
  const path = `/clients/${encodeURIComponent(id)}`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: clientDetailsSchema });
  return answer.ok ? done(renderClient(answer.value, page), answer.value) : answer.outcome;
}

function renderClient(client: ClientDetailsBody, page: Page): string {
  const { secrets, certificates } = client;
  const fields: [string, string][] = [
    ['Client', client.id],
    ['Name', client.name],
    ['Organisation', `${client.organisation.name} (${client.organisation.id})`],
    ['Environment', client.environment],
    ['State', describeState(client)],
    ['Mutual TLS', client.mtlsRequired ? 'required' : 'off'],
    ['Tokens', `in force for ${client.accessTokenLifetimeSeconds} seconds`],
    ['Created', client.createdAt.toISOString()],
  ];
  for (const secret of secrets) {
    const end = secret.usableUntil === null ? '' : `, gets tokens until ${secret.usableUntil.toISOString()}`;
    fields.push(['Secret', `${secret.id}, ends in ${secret.hint}, ${describeState(secret)}${end}`]);
  }
  for (const certificate of certificates) {
    const { id, name, keyType, notAfter, sha256 } = certificate;
    const validity = `valid until ${notAfter.toISOString()}`;
    // Hex for comparing with openssl, base64url as `explain` shows it (RFC 8705 section 3.1).
    const digest = `sha256 in hex ${sha256}, in base64url ${Buffer.from(sha256, 'hex').toString('base64url')}`;
    fields.push(['Certificate', `${id}, "${name}", ${describeState(certificate)}, ${keyType}, ${validity}, ${digest}`]);
  }
  if (certificates.length === 0) fields.push(['Certificate', 'none']);
  return renderFields(fields, page);
}

async function revokeClient(dataDirectory: string, id: string): Promise<Outcome> {
  const path = `/clients/${encodeURIComponent(id)}/revocation`;
  const answer = await askManagement(dataDirectory, { method: 'POST', path, answer: revocationSchema });
  if (!answer.ok) return answer.outcome;
  const text = answer.value.alreadyRevoked
    ? `Client ${id} was revoked before.`
    : `Client ${id} is revoked. It gets no more tokens, and those it has are refused from now on.`;
  return done(text, { id, ...answer.value });
}

function describeState({ revokedAt }: Pick<ClientSummaryBody, 'revokedAt'>): string {
  return revokedAt === null ? 'in force' : `revoked at ${revokedAt.toISOString()}`;
}
