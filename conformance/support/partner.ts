// A partner with the credentials that `dev` or `clients create` wrote to files.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '@tollward/protocol';
import { basic, type Call, type CallAnswer, call } from '@tollward/server/testing';

export interface Partner {
  readonly environment: Environment;
  readonly clientId: string;
  readonly secret: string;
  readonly mtlsUrl: string;
  readonly ca: string;
  readonly identity: { readonly cert: string; readonly key: string };
}

export type EnvValues = ReadonlyMap<string, string>;

/** The values of an env file as a shell reads them, so that the oracle is not our own reader. */
export function readEnvFile(file: string): EnvValues {
  const output = execFileSync('sh', ['-c', 'set -a; . "$1"; env -0', 'sh', file], { env: {}, encoding: 'utf8' });
  const pairs = output.split('\0').map((pair) => {
    const equals = pair.indexOf('=');
    return [pair.slice(0, equals), pair.slice(equals + 1)] as const;
  });
  return new Map(pairs);
}

/** The names an env file sets, in its order. */
export function namesInEnvFile(file: string): string[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.slice(0, line.indexOf('=')));
}

/** Reads everything now: what happens to the files later is no concern of this partner. */
export function readPartner(dataDirectory: string, environment: Environment, prefix: '' | 'OTHER_' = ''): Partner {
  const values = readEnvFile(join(dataDirectory, `${environment}.env`));
  const value = (name: string): string => {
    const found = values.get(name);
    if (found === undefined) throw new Error(`${environment}.env has no ${name}`);
    return found;
  };
  return {
    environment,
    clientId: value(`${prefix}CLIENT_ID`),
    secret: value(`${prefix}CLIENT_SECRET`),
    mtlsUrl: value('MTLS_URL'),
    ca: readFileSync(value('CA_FILE'), 'utf8'),
    identity: {
      cert: readFileSync(value(`${prefix}CLIENT_CERT`), 'utf8'),
      key: readFileSync(value(`${prefix}CLIENT_KEY`), 'utf8'),
    },
  };
}

/** One request of the partner on a connection of its own, over mutual TLS. */
export function callAs(partner: Partner, request: Call): Promise<CallAnswer> {
  const place = { urlOf: () => partner.mtlsUrl, caOf: () => partner.ca };
  return call(place, { identity: partner.identity, ...request });
}

export function requestTokenAs(partner: Partner, changes: Partial<Call> = {}): Promise<CallAnswer> {
  return callAs(partner, {
    method: 'POST',
    path: '/oauth/token',
    body: 'grant_type=client_credentials',
    headers: {
      authorization: basic(partner.clientId, partner.secret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    ...changes,
  });
}

export async function tokenOf(partner: Partner): Promise<string> {
  const answer = await requestTokenAs(partner);
  const token = answer.json['access_token'];
  if (typeof token !== 'string') throw new Error(`no token: ${answer.status} ${answer.text}`);
  return token;
}

export function callPlaygroundAs(partner: Partner, token: string): Promise<CallAnswer> {
  return callAs(partner, { path: '/v1/authenticated/playground', headers: { authorization: `Bearer ${token}` } });
}
