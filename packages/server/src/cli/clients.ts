import { environments } from '@tollward/protocol';
import { Option } from 'commander';
import { clientListSchema, endedTokensSchema } from '../surfaces/management/schemas/clients.js';
import { revocationSchema } from '../surfaces/management/schemas/common.js';
import { defaultQuietSeconds } from '../surfaces/management/schemas/usage.js';
import { type Cli, done, type Outcome } from './cli.js';
import { type CreateClientOptions, createClient } from './create-client.js';
import { askManagement } from './management-client.js';
import { addPolicyOptions, mtlsOption } from './policy.js';
import { safeAfterOption } from './retire-credential.js';
import { describeClientState, showClient } from './show-client.js';
import { type Page, renderTable } from './text.js';
import { type UpdateClientOptions, updateClient } from './update-client.js';
import { andWait, type WaitOptions, waitOption } from './wait-for-nodes.js';

export function addClientsCommand({ program, context, run }: Cli): void {
  const clients = program.command('clients').description('the OAuth clients of organisations');
  const environmentOption = () => new Option('--environment <environment>').choices(environments);

  const create = clients
    .command('create')
    .description('make a client with a secret, a key and a certificate, and write them to files')
    .addOption(environmentOption().makeOptionMandatory())
    .requiredOption('--organisation <name>', 'the partner company; made when there is none of this name')
    .requiredOption('--name <name>', 'name of the client, unique within organisation and environment')
    .option('--out <folder>', 'where to write client.env, client.pem and client.key (default: ./<name>)')
    .addOption(mtlsOption().default('on'));
  addPolicyOptions(create).action((options: CreateClientOptions) =>
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
    .description('show a client with its secrets (never their values) and certificates, and who uses which one')
    .addOption(
      safeAfterOption('how long one has to be unused to be safe to retire').default(defaultQuietSeconds, '24h'),
    )
    .action((id: string, { safeAfter }: { safeAfter: number }) =>
      run(async (load) => showClient(load().settings.dataDir, id, safeAfter, context)),
    );

  const update = clients
    .command('update')
    .argument('<client-id>')
    .description('change the name or the policy of a client; it holds for the next request, and for tokens it has')
    .option('--name <name>', 'new name, unique within organisation and environment')
    .addOption(mtlsOption())
    .addOption(waitOption());
  addPolicyOptions(update).action((id: string, { wait, ...options }: UpdateClientOptions & WaitOptions) =>
    run(async (load) => {
      const { dataDir } = load().settings;
      return andWait(dataDir, id, wait === true ? { wait } : {}, () => updateClient(dataDir, id, options, context));
    }),
  );

  clients
    .command('revoke')
    .argument('<client-id>')
    .description('revoke a client for good, and with it all its tokens')
    .addOption(waitOption())
    .action((id: string, options: WaitOptions) =>
      run(async (load) => {
        const { dataDir } = load().settings;
        return andWait(dataDir, id, options, () => revokeClient(dataDir, id));
      }),
    );

  clients
    .command('end-tokens')
    .argument('<client-id>')
    .description('end all access tokens that a client has; it gets new ones with the credentials it has')
    .addOption(waitOption())
    .action((id: string, options: WaitOptions) =>
      run(async (load) => {
        const { dataDir } = load().settings;
        return andWait(dataDir, id, options, () => endTokens(dataDir, id));
      }),
    );
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
    describeClientState(client),
  ]);
  const header = ['CLIENT', 'ENVIRONMENT', 'ORGANISATION', 'NAME', 'MTLS', 'STATE'];
  return done(renderTable(header, rows, page), answer.value);
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

async function endTokens(dataDirectory: string, id: string): Promise<Outcome> {
  const path = `/clients/${encodeURIComponent(id)}/tokens/revocation`;
  const answer = await askManagement(dataDirectory, { method: 'POST', path, answer: endedTokensSchema });
  if (!answer.ok) return answer.outcome;
  return done(`All tokens of client ${id} are ended. It gets new ones with the credentials it has.`, answer.value);
}
