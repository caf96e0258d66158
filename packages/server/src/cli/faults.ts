// `faults`: makes requests fail, so that a caller can be tried against it. Only `tollward dev` does so.

import { environments } from '@tollward/protocol';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { z } from 'zod';
import {
  clearedFaultsSchema,
  type FaultBody,
  faultListSchema,
  faultSchema,
} from '../surfaces/management/schemas/faults.js';
import { type Cli, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { askManagement, type ManagementAnswer } from './management-client.js';
import { countOf, type Page, renderTable } from './text.js';

interface EnvironmentOption {
  readonly environment: string;
}

interface AddFaultOptions extends EnvironmentOption {
  readonly client?: string;
  readonly method?: string;
  readonly path?: string;
  readonly times: number;
  readonly status?: number;
  readonly retryAfter?: number;
  readonly code?: string;
  readonly body?: { readonly json: unknown };
  readonly reset?: true;
  /** False with --no-answer. */
  readonly answer: boolean;
}

export function addFaultsCommand({ program, context, run }: Cli): void {
  const faults = program
    .command('faults')
    .description('make requests fail on purpose, to try how a caller takes it ("tollward dev" only)');
  const forEnvironment = (command: Command): Command =>
    command.addOption(new Option('--environment <environment>').choices(environments).default('sandbox'));

  forEnvironment(faults.command('add').description('the next requests that match meet a fault, token requests too'))
    .option('--client <client-id>', 'only requests of this client, by HTTP Basic or by a certificate issued to it')
    .option('--method <method>', 'only this method', (text) => text.toUpperCase())
    .option('--path <prefix>', 'only paths that begin like this, such as /oauth/token')
    .addOption(new Option('--times <number>', 'how many requests').argParser(parseCount).default(1))
    .addOption(new Option('--status <status>', 'answer with this status, 400 to 599').argParser(parseStatus))
    .addOption(new Option('--retry-after <seconds>', 'with this Retry-After').argParser(parseCount))
    .option('--code <text>', 'with this "error" in the body')
    .addOption(new Option('--body <json>', 'with this body').argParser(parseJson))
    .option('--reset', 'cut the connection without an answer')
    .option('--no-answer', 'never answer')
    .action((options: AddFaultOptions) => run(async (load) => addFault(load().settings.dataDir, options)));

  forEnvironment(faults.command('list').description('list the faults that still wait for a request')).action(
    ({ environment }: EnvironmentOption) =>
      run(async (load) => listFaults(load().settings.dataDir, environment, context)),
  );

  forEnvironment(faults.command('clear').description('remove the faults that still wait for a request')).action(
    ({ environment }: EnvironmentOption) => run(async (load) => clearFaults(load().settings.dataDir, environment)),
  );
}

function parseCount(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number.');
}

function parseStatus(text: string): number {
  if (/^[45]\d\d$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a number from 400 to 599.');
}

/** In an object, because commander takes null for an option that is not there. */
function parseJson(text: string): { readonly json: unknown } {
  try {
    return { json: JSON.parse(text) };
  } catch {
    throw new InvalidArgumentError('It must be JSON.');
  }
}

const oneEffect = 'Say what is to happen: one of --status, --reset and --no-answer.';
const onlyWithStatus = '--retry-after, --code and --body say what the answer is like: they go with --status.';

async function addFault(dataDirectory: string, options: AddFaultOptions): Promise<Outcome> {
  const { environment, client: clientId, method, path, times, status, retryAfter, code, body, reset, answer } = options;
  if ([status !== undefined, reset === true, !answer].filter(Boolean).length !== 1) {
    return failed(exitCodes.usage, oneEffect);
  }
  if (status === undefined && (retryAfter ?? code ?? body) !== undefined) {
    return failed(exitCodes.usage, onlyWithStatus);
  }
  const effect =
    status === undefined
      ? { kind: reset === true ? 'reset' : 'no-answer' }
      : { kind: 'answer', status, retryAfterSeconds: retryAfter, code, body: body?.json };
  const added = await ask(dataDirectory, environment, '', faultSchema, { clientId, method, path, times, effect });
  if (!added.ok) return added.outcome;
  const fault = added.value;
  return done(`Fault ${fault.id}: ${describeEffect(fault)}, for ${describeRequests(fault)} of ${environment}.`, fault);
}

async function listFaults(dataDirectory: string, environment: string, page: Page): Promise<Outcome> {
  const answer = await ask(dataDirectory, environment, '', faultListSchema);
  if (!answer.ok) return answer.outcome;
  const { faults } = answer.value;
  if (faults.length === 0) return done(`No fault waits for a request of ${environment}.`, answer.value);
  const rows = faults.map((fault) => [String(fault.id), describeRequests(fault), describeEffect(fault)]);
  return done(renderTable(['FAULT', 'HITS', 'BY'], rows, page), answer.value);
}

async function clearFaults(dataDirectory: string, environment: string): Promise<Outcome> {
  const answer = await ask(dataDirectory, environment, '/removal', clearedFaultsSchema, {});
  if (!answer.ok) return answer.outcome;
  return done(`${countOf(answer.value.cleared, 'fault')} removed.`, answer.value);
}

const onlyDev = 'This server makes no faults: only "tollward dev" does, never "tollward serve".';

async function ask<Schema extends z.ZodType>(
  dataDirectory: string,
  environment: string,
  rest: string,
  schema: Schema,
  body?: unknown,
): Promise<ManagementAnswer<z.output<Schema>>> {
  const path = `/environments/${environment}/faults${rest}`;
  const method = body === undefined ? 'GET' : 'POST';
  const answer = await askManagement(dataDirectory, { method, path, body, answer: schema });
  // It has no such routes.
  if (answer.ok || answer.outcome.exitCode !== exitCodes.notFound) return answer;
  return { ...answer, outcome: failed(exitCodes.notFound, onlyDev) };
}

function describeEffect({ effect }: FaultBody): string {
  if (effect.kind === 'reset') return 'the connection is cut';
  if (effect.kind === 'no-answer') return 'nobody answers';
  const wait = effect.retryAfterSeconds === undefined ? '' : `, Retry-After ${effect.retryAfterSeconds}`;
  return `the answer is ${effect.status}${effect.code === undefined ? '' : ` ${effect.code}`}${wait}`;
}

function describeRequests({ clientId, method, path, left }: FaultBody): string {
  const which = [method, path && `${path}...`].filter((word) => word !== undefined).join(' ');
  const count = left === 1 ? 'the next request' : `the next ${left} requests`;
  return `${count}${which === '' ? '' : ` ${which}`}${clientId === undefined ? '' : ` of ${clientId}`}`;
}
