// `clients create`: the key pair is made here and the private key goes into a file, never to the server.

import { access, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { createClientKeyAndCsr } from '../certificates/index.js';
import { createdClientSchema } from '../surfaces/management/schemas/clients.js';
import { type CliContext, done, failed, type Outcome } from './cli.js';
import { formatEnvFile } from './env-file.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { type PolicyOptions, policyBody } from './policy.js';
import { renderFields } from './text.js';

export interface CreateClientOptions extends PolicyOptions {
  readonly environment: string;
  readonly organisation: string;
  readonly name: string;
  readonly mtls: 'on' | 'off';
  readonly out?: string;
}

interface CredentialFile {
  readonly path: string;
  readonly content: string;
}

export async function createClient(
  dataDirectory: string,
  options: CreateClientOptions,
  context: CliContext,
): Promise<Outcome> {
  const { environment, organisation, name } = options;
  const folder = resolve(context.workingDirectory, options.out ?? slug(name));
  const files = { env: join(folder, 'client.env'), cert: join(folder, 'client.pem'), key: join(folder, 'client.key') };
  // Before anything is made: a secret that finds no place can not be shown a second time.
  for (const path of Object.values(files)) {
    if (await exists(path)) {
      const message = `${path} exists and is not overwritten. Name another folder with --out. No client was made.`;
      return failed(exitCodes.conflict, message);
    }
  }
  const madeFolder = (await mkdir(folder, { recursive: true, mode: 0o700 })) !== undefined;

  const mtlsRequired = options.mtls === 'on';
  const key = mtlsRequired ? await createClientKeyAndCsr({ organisation }) : undefined;
  const body = { environment, organisation, name, ...policyBody(options), csr: key?.csrPem };
  const answer = await askManagement(dataDirectory, {
    method: 'POST',
    path: '/clients',
    body,
    answer: createdClientSchema,
  });
  if (!answer.ok) {
    if (madeFolder) await rmdir(folder);
    return answer.outcome;
  }
  const created = answer.value;

  const contents: CredentialFile[] = [];
  const variables: Record<string, string> = { CLIENT_ID: created.client.id, CLIENT_SECRET: created.secret };
  if (key !== undefined && created.certificate !== undefined) {
    contents.push(
      { path: files.key, content: key.keyPem },
      { path: files.cert, content: created.certificate.chainPem },
    );
    variables['CLIENT_CERT'] = files.cert;
    variables['CLIENT_KEY'] = files.key;
  }
  contents.push({ path: files.env, content: formatEnvFile(variables) });
  return writeAll(contents, created, context);
}

async function writeAll(
  files: readonly CredentialFile[],
  created: z.output<typeof createdClientSchema>,
  context: CliContext,
): Promise<Outcome> {
  const { client, certificate, notice } = created;
  try {
    for (const { path, content } of files) await writeFile(path, content, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'unknown reason';
    const message =
      `Client ${client.id} was made, but its files could not be written (${reason}). What belongs into them is on ` +
      'standard output and can not be shown again: keep it now, or revoke the client.';
    const text = files.map(({ path, content }) => `# ${path}\n${content}`).join('\n');
    return { exitCode: exitCodes.failure, output: { text, json: { client, files } }, problem: { message } };
  }
  const paths = files.map(({ path }) => path);
  const fields: [string, string][] = [
    ['Client', `${client.id}, "${client.name}" of "${client.organisation.name}" in ${client.environment}`],
    ['Secret', 'in client.env, and nowhere else: it can not be shown again'],
  ];
  if (certificate !== undefined) {
    fields.push(['Certificate', `${certificate.id}, valid until ${certificate.notAfter.toISOString()}`]);
  }
  if (notice !== undefined) fields.push(['Note', notice]);
  for (const path of paths) fields.push(['File', path]);
  return done(renderFields(fields, context), { client, certificateId: certificate?.id ?? null, files: paths });
}

function slug(name: string): string {
  return (
    name
      .toLowerCase()
      .match(/[a-z0-9]+/g)
      ?.join('-') ?? 'client'
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}
