// `token get`: the client-credentials grant (RFC 6749 section 4.4) as a partner asks for it, over mutual TLS (RFC 8705).

import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join, resolve } from 'node:path';
import { done, failed, type Outcome } from './cli.js';
import { parseEnvFile } from './env-file.js';
import { exitCodes } from './exit-codes.js';

export interface GetTokenOptions {
  readonly environment: string;
  readonly other?: true;
  readonly envFile?: string;
}

type Values = ReadonlyMap<string, string>;

const timeoutMs = 30_000;
const whereServerIs = ['API_URL', 'MTLS_URL', 'CA_FILE'] as const;

export async function getToken(
  dataDirectory: string,
  options: GetTokenOptions,
  workingDirectory: string,
): Promise<Outcome> {
  const seededFile = join(dataDirectory, `${options.environment}.env`);
  const file = options.envFile === undefined ? seededFile : resolve(workingDirectory, options.envFile);
  const read = await readEnvFile(file);
  if (!read.ok) return read.outcome;
  // A file of credentials alone does not say where the server is.
  const seeded = file === seededFile ? read : await readEnvFile(seededFile);
  const values = new Map(read.values);
  for (const name of whereServerIs) {
    const value = values.get(name) ?? (seeded.ok ? seeded.values.get(name) : undefined);
    if (value !== undefined) values.set(name, value);
  }
  const prefix = options.other === true ? 'OTHER_' : '';
  const urlName = values.has(`${prefix}CLIENT_CERT`) ? 'MTLS_URL' : 'API_URL';
  const url = values.get(urlName);
  const clientId = values.get(`${prefix}CLIENT_ID`);
  const secret = values.get(`${prefix}CLIENT_SECRET`);
  if (url === undefined || clientId === undefined || secret === undefined) {
    const message = `${file} must have ${prefix}CLIENT_ID and ${prefix}CLIENT_SECRET, and ${seededFile} must say where the server is.`;
    return failed(exitCodes.usage, message);
  }
  if (!url.startsWith('https://') || !URL.canParse(url)) {
    const where = read.values.has(urlName) ? file : seededFile;
    return failed(exitCodes.usage, `${urlName} in ${where} must be a URL that begins with https://.`);
  }
  const tls = await readTlsFiles(values, prefix);
  const answer = await send(`${url}/oauth/token`, `${clientId}:${secret}`, tls);
  return 'problem' in answer ? failed(exitCodes.failure, answer.problem) : describeAnswer(answer);
}

async function readEnvFile(file: string): Promise<{ ok: true; values: Values } | { ok: false; outcome: Outcome }> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch {
    const message = `${file} can not be read. "tollward dev" writes it, or name another with --data-dir or --env-file.`;
    return { ok: false, outcome: failed(exitCodes.failure, message) };
  }
  const parsed = parseEnvFile(text);
  if (parsed.ok) return parsed;
  return {
    ok: false,
    outcome: failed(exitCodes.usage, `Line ${parsed.line} of ${file} is not of the form KEY="value".`),
  };
}

interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

async function readTlsFiles(values: Values, prefix: string): Promise<TlsFiles> {
  const read = async (name: string): Promise<Buffer | undefined> => {
    const file = values.get(name);
    return file === undefined ? undefined : readFile(file);
  };
  const [ca, cert, key] = [
    await read('CA_FILE'),
    await read(`${prefix}CLIENT_CERT`),
    await read(`${prefix}CLIENT_KEY`),
  ];
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
}

interface TokenAnswer {
  readonly status: number;
  readonly refusalCode: string | undefined;
  readonly traceId: string | undefined;
  readonly body: unknown;
}

function send(url: string, credentials: string, tls: TlsFiles): Promise<TokenAnswer | { readonly problem: string }> {
  const headers = {
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  };
  return new Promise((resolveAnswer) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      resolveAnswer({
        problem: `${url} could not be asked (${error.code ?? error.message}). Is the server running? "tollward doctor" tells.`,
      });
    const outgoing = request(url, { method: 'POST', agent: false, timeout: timeoutMs, headers, ...tls }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', fail);
      response.on('end', () => {
        const { 'x-refusal-code': refusalCode, 'x-trace-id': traceId } = response.headers;
        resolveAnswer({
          status: response.statusCode ?? 0,
          refusalCode: refusalCode?.toString(),
          traceId: traceId?.toString(),
          body: parseJson(Buffer.concat(chunks).toString('utf8')),
        });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', fail);
    outgoing.end('grant_type=client_credentials');
  });
}

function describeAnswer({ status, refusalCode, traceId, body }: TokenAnswer): Outcome {
  if (status === 200) return done(JSON.stringify(body, undefined, 2), body);
  const { error, error_description: description } = { error: 'error', error_description: '', ...asObject(body) };
  const lines = [
    `Refused with ${status}: ${String(error)}. ${String(description)}`,
    `x-refusal-code  ${refusalCode ?? 'none'}`,
    `x-trace-id      ${traceId ?? 'none'}`,
  ];
  if (traceId !== undefined) lines.push(`Ask why with:   tollward explain ${traceId}`);
  // 429 and 5xx say nothing about the credentials: the same request may succeed later.
  const exitCode = status < 429 ? exitCodes.refused : exitCodes.failure;
  return failed(exitCode, lines.join('\n'), { status, refusalCode, traceId, body });
}

function asObject(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
