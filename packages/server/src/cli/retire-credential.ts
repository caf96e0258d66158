// What secrets and certificates have in common at the end of their life: revoke, and the brown-out, a pause that shows who
// would notice.

import { type Command, Option } from 'commander';
import { revocationSchema } from '../surfaces/management/schemas/common.js';
import { pausedSchema } from '../surfaces/management/schemas/usage.js';
import { type Cli, done, type Outcome } from './cli.js';
import { durationWithin } from './duration.js';
import { askManagement } from './management-client.js';
import { andWait, type WaitOptions, waitOption } from './wait-for-nodes.js';

export interface CredentialKind {
  /** `Secret` or `Certificate`. */
  readonly word: string;
  /** The noun of the command line. */
  readonly noun: string;
  /** Where the management API keeps them. */
  readonly path: string;
  /** Tokens that end with it. */
  readonly itsTokens: string;
}

export interface RetireOptions {
  /** Seconds. */
  readonly safeAfter?: number;
}

export function safeAfterOption(description: string): Option {
  return new Option('--safe-after <duration>', description).argParser(durationWithin('1s', '90d'));
}

export function onlyWhenUnused(): Option {
  return safeAfterOption('only when nobody used it for so long, such as 24h');
}

export function addRetireCommands(command: Command, kind: CredentialKind, { run }: Cli): void {
  const argument = `<${kind.word.toLowerCase()}-id>`;
  const word = kind.word.toLowerCase();

  command
    .command('revoke')
    .argument(argument)
    .description(`revoke a ${word} for good, and with it ${kind.itsTokens}`)
    .addOption(onlyWhenUnused())
    .addOption(waitOption())
    .action((id: string, options: RetireOptions & WaitOptions) =>
      run(async (load) => {
        const { dataDir } = load().settings;
        return andWait(dataDir, id, options, () => revokeCredential(dataDir, kind, id, options));
      }),
    );

  command
    .command('pause')
    .argument(argument)
    .description(`refuse a ${word} for a while, as if it were revoked: who still uses it will notice`)
    .addOption(
      new Option('--for <duration>', 'how long, at most 1h')
        .argParser(durationWithin('1s', '1h'))
        .makeOptionMandatory(),
    )
    .addOption(waitOption())
    .action((id: string, { for: seconds, ...options }: WaitOptions & { for: number }) =>
      run(async (load) => {
        const { dataDir } = load().settings;
        return andWait(dataDir, id, options, () => pauseCredential(dataDir, kind, id, seconds));
      }),
    );

  command
    .command('resume')
    .argument(argument)
    .description('end a pause early')
    .action((id: string) => run(async (load) => pauseCredential(load().settings.dataDir, kind, id, 0)));
}

async function revokeCredential(
  dataDirectory: string,
  { word, path, itsTokens }: CredentialKind,
  id: string,
  { safeAfter }: RetireOptions,
): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `${path}/${encodeURIComponent(id)}/revocation`,
    body: { quietSeconds: safeAfter },
    answer: revocationSchema,
  });
  if (!answer.ok) return answer.outcome;
  const { alreadyRevoked, notice } = answer.value;
  const text = alreadyRevoked
    ? `${word} ${id} was revoked before.`
    : `${word} ${id} is revoked, and with it ${itsTokens}.`;
  return done(notice === undefined ? text : `${text}\n${notice}`, { id, ...answer.value });
}

/** @param seconds 0 ends a pause */
async function pauseCredential(
  dataDirectory: string,
  { word, noun, path, itsTokens }: CredentialKind,
  id: string,
  seconds: number,
): Promise<Outcome> {
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `${path}/${encodeURIComponent(id)}/pause`,
    body: { seconds },
    answer: pausedSchema,
  });
  if (!answer.ok) return answer.outcome;
  const { pausedUntil } = answer.value;
  const text =
    pausedUntil === null
      ? `${word} ${id} is not paused any more.`
      : `${word} ${id} is refused until ${pausedUntil.toISOString()}, and with it ${itsTokens}. "tollward clients show" ` +
        `tells who was refused, "tollward ${noun} resume ${id}" ends the pause.`;
  return done(text, { id, ...answer.value });
}
