// `certs csr`: a key and its certificate request, made where the key stays. Needs no server.

import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type ClientKeyType,
  clientKeyTypes,
  createClientKeyAndCsr,
  isCountryCode,
  isOrganisationName,
} from '../certificates/index.js';
import { type Cli, type CliContext, done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { openNewFile } from './new-file.js';
import { renderFields } from './text.js';

interface CreateCsrOptions {
  readonly organisation: string;
  readonly country?: string;
  readonly keyType: ClientKeyType;
  readonly out: string;
}

export function addCsrCommand(certs: Command, { context, run }: Cli): void {
  certs
    .command('csr')
    .description('make a key and a certificate request on this machine; no server is needed')
    .requiredOption('--organisation <name>', 'the company (O) in the request', parseOrganisation)
    .option('--country <code>', 'its country (C), such as EE', parseCountry)
    .addOption(new Option('--key-type <type>', 'the kind of key').choices(clientKeyTypes).default('ec-p256'))
    .requiredOption('--out <folder>', 'where to write client.key and client.csr')
    .action((options: CreateCsrOptions) => run(() => createCsr(options, context)));
}

function parseOrganisation(text: string): string {
  const name = text.trim();
  if (isOrganisationName(name)) return name;
  throw new InvalidArgumentError('It must have 1 to 64 visible characters.');
}

function parseCountry(text: string): string {
  if (isCountryCode(text)) return text;
  throw new InvalidArgumentError('It must be two capital letters, such as EE.');
}

async function createCsr({ out, ...wish }: CreateCsrOptions, context: CliContext): Promise<Outcome> {
  const folder = resolve(context.workingDirectory, out);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const key = await openNewFile(folder, 'client.key', 'Nothing was made.', 'folder');
  if (!key.ok) return key.outcome;
  const csr = await openNewFile(folder, 'client.csr', 'Nothing was made.', 'folder');
  if (!csr.ok) {
    await key.file.discard();
    return csr.outcome;
  }
  const made = await createClientKeyAndCsr(wish);
  const problem = (await key.file.write(made.keyPem)) ?? (await csr.file.write(made.csrPem));
  if (problem !== undefined) {
    await Promise.all([key.file.discard(), csr.file.discard()]);
    return failed(exitCodes.failure, `The files could not be written (${problem}). Nothing was made.`);
  }
  const files = { key: join(folder, 'client.key'), csr: join(folder, 'client.csr') };
  const fields: [string, string][] = [
    ['Key', `${files.key}, ${wish.keyType}: it stays here and is never sent anywhere`],
    ['Request', files.csr],
    ['Next', `tollward certs issue <client-id> --name <name> --csr '${files.csr}'`],
  ];
  return done(renderFields(fields, context), { keyType: wish.keyType, files });
}
