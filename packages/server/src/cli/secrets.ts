import { Option } from 'commander';
import { clientDetailsSchema } from '../surfaces/management/schemas/clients.js';
import { endedSecretSchema } from '../surfaces/management/schemas/secrets.js';
import { type Cli, type CliContext, done, type Outcome } from './cli.js';
import { describeAgo, durationWithin } from './duration.js';
import { askManagement } from './management-client.js';
import { addRetireCommands, onlyWhenUnused, type RetireOptions } from './retire-credential.js';
import { type RotateSecretOptions, rotateSecret } from './rotate-secret.js';
import { describeSecretState } from './show-client.js';
import { renderTable } from './text.js';
import { andWait, type WaitOptions, waitOption } from './wait-for-nodes.js';

export function addSecretsCommand(cli: Cli): void {
  const { program, context, run } = cli;
  const secrets = program.command('secrets').description('the secrets of clients');

  secrets
    .command('rotate')
    .argument('<client-id>')
    .description('give a client a new secret; the old one still gets tokens during the overlap')
    .addOption(
      new Option('--overlap <duration>', 'for how long, up to 7d; "now" ends it at once')
        .argParser((text) => parseOverlap(text === 'now' || text === '0' ? '0s' : text))
        .default(86_400, '24h'),
    )
    .option('--force', 'also while a rotation is open: the oldest secret then ends at once')
    .option('--out <file>', 'where to write CLIENT_ID and CLIENT_SECRET; without it the secret is printed')
    .action((clientId: string, options: RotateSecretOptions) =>
      run(async (load) => rotateSecret(load().settings.dataDir, clientId, options, context)),
    );

  secrets
    .command('list')
    .argument('<client-id>')
    .description('list the secrets of a client, never their values')
    .action((clientId: string) => run(async (load) => listSecrets(load().settings.dataDir, clientId, context)));

  secrets
    .command('end')
    .argument('<secret-id>')
    .description('give a secret no more tokens from now on; those it got run out by themselves')
    .addOption(onlyWhenUnused())
    .addOption(waitOption())
    .action((id: string, options: RetireOptions & WaitOptions) =>
      run(async (load) => {
        const { dataDir } = load().settings;
        return andWait(dataDir, id, options, () => endSecret(dataDir, id, options));
      }),
    );

  const kind = { word: 'Secret', noun: 'secrets', path: '/secrets', itsTokens: 'every token it got' };
  addRetireCommands(secrets, kind, cli);
}

const parseOverlap = durationWithin('0s', '7d');

async function listSecrets(dataDirectory: string, clientId: string, context: CliContext): Promise<Outcome> {
  const path = `/clients/${encodeURIComponent(clientId)}`;
  const answer = await askManagement(dataDirectory, { method: 'GET', path, answer: clientDetailsSchema });
  if (!answer.ok) return answer.outcome;
  const { secrets } = answer.value;
  const now = context.clock();
  const rows = secrets.map((secret) => [
    secret.id,
    secret.hint,
    secret.createdAt.toISOString(),
    secret.lastUsedAt === null ? 'never' : describeAgo(secret.lastUsedAt, now),
    describeSecretState(secret, now),
  ]);
  const header = ['SECRET', 'ENDS IN', 'CREATED', 'LAST USED', 'STATE'];
  return done(renderTable(header, rows, context), { clientId, secrets });
}

async function endSecret(dataDirectory: string, id: string, { safeAfter }: RetireOptions): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `/secrets/${encodeURIComponent(id)}/end`,
    body: { quietSeconds: safeAfter },
    answer: endedSecretSchema,
  });
  if (!answer.ok) return answer.outcome;
  const { usableUntil, alreadyEnded, notice } = answer.value;
  const text = alreadyEnded
    ? `Secret ${id} ended before, at ${usableUntil.toISOString()}.`
    : `Secret ${id} is ended: it gets no more tokens. Those it got run out by themselves; "tollward secrets revoke" ends them too.`;
  return done(notice === undefined ? text : `${text}\n${notice}`, { id, ...answer.value });
}
