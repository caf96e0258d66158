import { environments } from '@tollward/protocol';
import { Argument, Option } from 'commander';
import { keyKinds } from '../platform/keys/rotatable-key.js';
import {
  type KeyBody,
  keyListSchema,
  type MasterKeyBody,
  resealedSchema,
  revokedTokenKeySchema,
  rotatedKeySchema,
} from '../surfaces/management/schemas/keys.js';
import { type Cli, type CliContext, done, failed, type Outcome } from './cli.js';
import { durationWithin } from './duration.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { type Page, renderTable } from './text.js';

interface RotateOptions {
  readonly environment?: string;
  /** Seconds. */
  readonly publish?: number;
}

export function addKeysCommand({ program, context, run }: Cli): void {
  const keys = program.command('keys').description('the keys that Tollward makes and replaces by itself');

  keys
    .command('list')
    .description('list every key, and what each master key sealed')
    .action(() => run(async (load) => listKeys(load().settings.dataDir, context)));

  keys
    .command('rotate')
    .addArgument(new Argument('<kind>').choices(keyKinds))
    .description('make the next key of a kind; what earlier ones made stays good')
    .addOption(new Option('--environment <environment>', 'of this one only').choices(environments))
    .addOption(
      new Option(
        '--publish <duration>',
        'how long every node knows it before it is used, such as 60s; else 60s for token, hmac and ticket, 1d for signing, 30d for platform-ca, and none for audit and partner-ca',
      ).argParser(durationWithin('5s', '30d')),
    )
    .action((kind: string, options: RotateOptions) =>
      run(async (load) => rotateKey(load().settings.dataDir, kind, options, context)),
    );

  keys
    .command('revoke')
    .addArgument(new Argument('<kind>').choices(['token']))
    .argument('<key-id>')
    .description('end a token key that leaked, and with it every token it sealed')
    .action((_kind: string, id: string) => run(async (load) => revokeTokenKey(load().settings.dataDir, id)));

  keys
    .command('reseal')
    .description('seal every value anew by the main master key, so that the other one can be removed')
    .action(() => run(async (load) => reseal(load().settings.dataDir)));
}

async function listKeys(dataDirectory: string, page: CliContext): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, { method: 'GET', path: '/keys', answer: keyListSchema });
  if (!answer.ok) return answer.outcome;
  const { keys, masterKeys } = answer.value;
  return done(`${renderKeys(keys, page)}\n\n${describeMasterKeys(masterKeys)}`, answer.value);
}

async function rotateKey(
  dataDirectory: string,
  kind: string,
  { environment, publish }: RotateOptions,
  page: CliContext,
): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `/keys/${kind}/rotation`,
    body: { environment, publishSeconds: publish },
    answer: rotatedKeySchema,
  });
  return answer.ok ? done(renderKeys(answer.value.keys, page), answer.value) : answer.outcome;
}

async function revokeTokenKey(dataDirectory: string, id: string): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `/keys/token/${encodeURIComponent(id)}/revocation`,
    answer: revokedTokenKeySchema,
  });
  if (!answer.ok) return answer.outcome;
  const { environment } = answer.value;
  const text =
    `Token key ${id} of ${environment} is revoked: every token it sealed is dead, whoever holds it. ` +
    'Another key seals already, so clients get new tokens as soon as they ask. Other nodes follow within two seconds.';
  return done(text, { id, ...answer.value });
}

async function reseal(dataDirectory: string): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: '/keys/resealing',
    answer: resealedSchema,
  });
  if (!answer.ok) return answer.outcome;
  const { resealed, masterKeys } = answer.value;
  const outcome = `Sealed ${countValues(resealed)} anew.`;
  const left = masterKeys.filter(({ role, values }) => role !== 'main' && values > 0);
  const text = `${outcome}\n${describeMasterKeys(masterKeys)}`;
  return left.length === 0 ? done(text, answer.value) : failed(exitCodes.failure, text, answer.value);
}

/** Long ids are whole with --json. */
const widestId = 16;

function renderKeys(keys: readonly KeyBody[], page: Page): string {
  const rows = keys.map(({ kind, environment, id, state, activeFrom, activeUntil }) => [
    kind,
    environment ?? 'both',
    id.length <= widestId ? id : `${id.slice(0, widestId - 1)}…`,
    state,
    activeFrom.toISOString(),
    activeUntil?.toISOString() ?? '-',
  ]);
  return renderTable(['KIND', 'ENVIRONMENT', 'ID', 'STATE', 'ACTIVE FROM', 'REPLACED AT'], rows, page);
}

function describeMasterKeys(masterKeys: readonly MasterKeyBody[]): string {
  const main = masterKeys.find(({ role }) => role === 'main');
  return masterKeys.map((each) => describeMasterKey(each, main?.id ?? '')).join('\n');
}

function describeMasterKey({ id, role, values }: MasterKeyBody, mainId: string): string {
  switch (role) {
    case 'main':
      return `Master key ${id}, the main one, sealed ${countValues(values)}.`;
    case 'missing':
      return `Master key ${id}, which is not configured on this node, sealed ${countValues(values)}: they can not be opened here.`;
    case 'other':
      return values > 0
        ? `Master key ${id}, the other one, sealed ${countValues(values)}: it is needed until "tollward keys reseal" has sealed them anew.`
        : `Master key ${id}, the other one, sealed nothing. If it is the one before, remove it (TOLLWARD_OTHER_MASTER_KEY) as ` +
            `soon as every node has ${mainId} as its main one; if it is the next one, make it the main one.`;
  }
}

function countValues(count: number): string {
  return `${count} value${count === 1 ? '' : 's'}`;
}
