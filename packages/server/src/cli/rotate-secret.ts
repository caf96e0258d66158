// `secrets rotate`: the one place besides `clients create` where a secret is seen.

import type { z } from 'zod';
import { rotatedSecretSchema } from '../surfaces/management/schemas/secrets.js';
import { type CliContext, done, type Outcome } from './cli.js';
import { formatEnvFile } from './env-file.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { type NewFile, openNewFile } from './new-file.js';
import { type Page, renderFields } from './text.js';

export interface RotateSecretOptions {
  /** Seconds. */
  readonly overlap: number;
  readonly force?: true;
  readonly out?: string;
}

type RotatedSecret = z.output<typeof rotatedSecretSchema>;

export async function rotateSecret(
  dataDirectory: string,
  clientId: string,
  { overlap, force, out }: RotateSecretOptions,
  context: CliContext,
): Promise<Outcome> {
  const opened =
    out === undefined ? undefined : await openNewFile(context.workingDirectory, out, 'No secret was made.');
  if (opened?.ok === false) return opened.outcome;
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: `/clients/${encodeURIComponent(clientId)}/secrets`,
    body: { overlapSeconds: overlap, force: force === true },
    answer: rotatedSecretSchema,
  });
  if (!answer.ok) {
    await opened?.file.discard();
    return answer.outcome;
  }
  return opened === undefined
    ? printSecret(clientId, answer.value, context)
    : storeSecret(opened.file, clientId, answer.value, context);
}

function printSecret(clientId: string, rotated: RotatedSecret, page: Page): Outcome {
  const fields: [string, string][] = [
    ['Client', clientId],
    ['Secret', rotated.secret],
    ['Secret id', rotated.id],
    ...describeEarlier(rotated),
    ['Note', 'the secret is shown this once: keep it now'],
  ];
  return done(renderFields(fields, page), { clientId, ...rotated });
}

async function storeSecret(file: NewFile, clientId: string, rotated: RotatedSecret, page: Page): Promise<Outcome> {
  const { secret, ...withoutSecret } = rotated;
  const problem = await file.write(formatEnvFile({ CLIENT_ID: clientId, CLIENT_SECRET: secret }));
  if (problem !== undefined) {
    const message =
      `Secret ${rotated.id} was made, but ${file.path} could not be written (${problem}). The secret is on standard ` +
      'output and can not be shown again: keep it now.';
    const { output } = printSecret(clientId, rotated, page);
    return { exitCode: exitCodes.failure, ...(output && { output }), problem: { message } };
  }
  const fields: [string, string][] = [
    ['Client', clientId],
    ['Secret', 'in the file, and nowhere else: it can not be shown again'],
    ['Secret id', rotated.id],
    ...describeEarlier(rotated),
    ['File', file.path],
  ];
  return done(renderFields(fields, page), { clientId, ...withoutSecret, file: file.path });
}

function describeEarlier({ ending, ended }: RotatedSecret): [string, string][] {
  return [
    ...ending.map(({ id, hint, usableUntil }): [string, string] => [
      'Ending',
      `${id}, ends in ${hint}, gets tokens until ${usableUntil.toISOString()}`,
    ]),
    ...ended.map(({ id, hint }): [string, string] => ['Ended', `${id}, ends in ${hint}, gets no more tokens`]),
  ];
}
