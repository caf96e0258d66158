import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import { environments } from '@tollward/protocol';
import { Option } from 'commander';
import {
  type TokenInspectionBody,
  tokenInspectionSchema,
  tokenRevocationSchema,
} from '../surfaces/management/schemas/tokens.js';
import { type Cli, type CliContext, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { type GetTokenOptions, getToken } from './get-token.js';
import { askManagement } from './management-client.js';
import { mostInputBytes, readStart } from './read-start.js';
import { type Page, renderFields } from './text.js';

export function addTokenCommand({ program, context, run }: Cli): void {
  const token = program.command('token').description('access tokens');

  token
    .command('get')
    .description('get an access token over mutual TLS and print the JSON answer')
    .addOption(new Option('--environment <environment>').choices(environments).default('sandbox'))
    .option('--other', 'as the second of the two example partners')
    .option('--env-file <file>', 'credentials of another client, as "clients create" writes them')
    .action((options: GetTokenOptions) =>
      run(async (load) => getToken(load().settings.dataDir, options, context.workingDirectory)),
    );

  token
    .command('inspect')
    .description('tell what a token is and whether it is in force; read from standard input, or from a file')
    .option('--file <file>', fileOption)
    .allowExcessArguments()
    .action((options: FileOption, { args }: { args: readonly string[] }) =>
      run((load) =>
        withToken('inspect', options, args, context, (value) => inspect(load().settings.dataDir, value, context)),
      ),
    );

  token
    .command('revoke')
    .description('end a token before its time, whichever client it is of; read from standard input, or from a file')
    .option('--file <file>', fileOption)
    .allowExcessArguments()
    .action((options: FileOption, { args }: { args: readonly string[] }) =>
      run((load) => withToken('revoke', options, args, context, (value) => revoke(load().settings.dataDir, value))),
    );
}

interface FileOption {
  readonly file?: string;
}

const fileOption = 'file with the token, or with the whole JSON answer of the token endpoint';

async function withToken(
  verb: 'inspect' | 'revoke',
  { file }: FileOption,
  args: readonly string[],
  context: CliContext,
  work: (token: string) => Promise<Outcome>,
): Promise<Outcome> {
  const howTo = `Give it on standard input or in a file: tollward token ${verb} --file token.json`;
  if (args.length > 0) return failed(exitCodes.usage, `${tokenAsArgument} ${howTo}`);
  const text =
    file === undefined ? await context.readInput() : await readIfThere(resolve(context.workingDirectory, file));
  if (file !== undefined && text === undefined) return failed(exitCodes.usage, `There is no file ${file}.`);
  const token = parseToken(text ?? '');
  return token === undefined ? failed(exitCodes.usage, `There is no token to ${verb}. ${howTo}`) : work(token);
}

const tokenAsArgument =
  'A token is not taken from the command line, where every user of this machine can see it in the list of processes.';

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await readStart(createReadStream(path)));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The token in a text that is either the token itself or the JSON answer it came in. */
function parseToken(text: string): string | undefined {
  if (text.length >= mostInputBytes) return undefined;
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return trimmed === '' ? undefined : trimmed;
  try {
    const answer: unknown = JSON.parse(trimmed);
    const found = typeof answer === 'object' && answer !== null && 'access_token' in answer && answer.access_token;
    return typeof found === 'string' ? found : undefined;
  } catch {
    return undefined;
  }
}

async function inspect(dataDirectory: string, token: string, page: Page): Promise<Outcome> {
  const request = {
    method: 'POST',
    path: '/tokens/inspection',
    body: { token },
    answer: tokenInspectionSchema,
  } as const;
  const answer = await askManagement(dataDirectory, request);
  if (!answer.ok) return answer.outcome;
  const inspection = answer.value;
  // The question was answered, so standard output has the answer; the exit code is what a script branches on.
  const inForce = inspection.readable && inspection.inForce;
  const output = { text: renderInspection(inspection, page), json: inspection };
  return { exitCode: inForce ? exitCodes.ok : exitCodes.refused, output };
}

async function revoke(dataDirectory: string, token: string): Promise<Outcome> {
  const request = {
    method: 'POST',
    path: '/tokens/revocation',
    body: { token },
    answer: tokenRevocationSchema,
  } as const;
  const answer = await askManagement(dataDirectory, request);
  if (!answer.ok) return answer.outcome;
  const { clientId, tokenId, revoked } = answer.value;
  const text = {
    nothing: `Token ${tokenId} of client ${clientId} was over already.`,
    token: `Token ${tokenId} of client ${clientId} is revoked. Its other tokens are not.`,
    'all-tokens': `Client ${clientId} had too many single tokens revoked, so all tokens it has are.`,
  }[revoked];
  return done(text, answer.value);
}

function renderInspection(inspection: TokenInspectionBody, page: Page): string {
  if (!inspection.readable) return renderFields([['In force', `no: ${inspection.problem}`]], page);
  const { environment, claims, problem } = inspection;
  const { binding } = claims;
  const bound = binding && `certificate ${binding.certificateId}, sha256 ${binding.thumbprint}`;
  return renderFields(
    [
      ['Token', `${claims.kind.replace('_', ' ')}, ${environment}, id ${claims.tokenId}`],
      ['Client', claims.clientId],
      ['Secret', claims.secretId],
      ['Issued', claims.issuedAt.toISOString()],
      ['Expires', claims.expiresAt.toISOString()],
      ['Binding', bound ?? 'none'],
      ['In force', problem === null ? 'yes' : `no: ${problem}`],
    ],
    page,
  );
}
