// A simulator for tests: with callers by name, without HTTP in between, and a clock that a test moves.

import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { Caller, ReadCaller } from './caller.js';
import { createSurface } from './http/surface.js';
import { type JournalEntry, noJournal } from './journal.js';
import { routesOf } from './routes.js';
import { createWorld, type World, type WorldOptions } from './world.js';

export const issuer = 'https://localhost:8443';

/** What a gateway has: a key, its published half, and assertions. */
export async function aGateway(clock: () => number = Date.now, kid = 'key-1') {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }] };
  const assertionFor = (clientId: string, changes: AssertionChanges = {}): Promise<string> => {
    const iat = Math.floor(clock() / 1_000);
    const claims = {
      iss: issuer,
      aud: 'money',
      sub: clientId,
      iat,
      exp: iat + 60,
      environment: 'sandbox',
      token_kind: 'client_credentials',
      client_id: clientId,
      organisation_id: 'org_1',
      ...changes.claims,
    };
    const header = { alg: 'ES256', kid, typ: 'tollward-assertion+jwt', ...changes.header };
    return new SignJWT(claims).setProtectedHeader(header).sign(changes.key ?? privateKey);
  };
  return { keys, assertionFor };
}

interface AssertionChanges {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, string>>;
  readonly key?: CryptoKey | Uint8Array;
}

export interface Said {
  readonly status: number;
  /** The JSON, or the text of an answer that is none. */
  readonly body: unknown;
  readonly refusal: string | undefined;
}

export interface TestSimulator {
  readonly world: World;
  readonly time: { now: number };
  /** A call of a client, or of the gateway when the name is `tollward`. */
  call(caller: string, call: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Said>;
}

export interface TestOptions {
  readonly environment?: 'sandbox' | 'production';
  readonly entries?: readonly JournalEntry[];
  readonly journal?: WorldOptions['journal'];
  readonly onFault?: (error: unknown) => void;
}

const readCaller: ReadCaller = (name = '') => Promise.resolve(callerOf(name));

function callerOf(name: string): Caller {
  if (name === 'tollward' || name === 'anonymous') return { kind: name };
  return { kind: 'client', clientId: name };
}

export function aSimulator(options: TestOptions = {}): TestSimulator {
  const { environment = 'sandbox', entries = [], journal = noJournal } = options;
  const time = { now: Date.parse('2026-11-22T10:00:00Z') };
  let uuids = 0;
  const newUuid = (): string => {
    uuids += 1;
    return `00000000-0000-4000-8000-${uuids.toString(16).padStart(12, '0')}`;
  };
  const world = createWorld({ clock: () => time.now, newUuid, entries, journal });
  const fail = (error: unknown): void => {
    throw error;
  };
  const { onFault = fail } = options;
  const surface = createSurface({ world, readCaller, routes: routesOf(environment), onFault });
  return {
    world,
    time,
    call: async (caller, call, body, headers = {}) => {
      const [method, url = ''] = call.split(' ', 2);
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const {
        statusCode,
        payload,
        headers: answered,
      } = await surface.inject({
        method: methodOf(method),
        url,
        headers: {
          'tollward-assertion': caller,
          ...(body === undefined ? {} : { 'content-type': type }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { payload: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) }),
      });
      const isJson = String(answered['content-type']).startsWith('application/json');
      const refusal = answered['tollward-refusal'];
      return { status: statusCode, body: isJson ? JSON.parse(payload) : payload, refusal: refusal?.toString() };
    },
  };
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

function methodOf(name: string | undefined): (typeof methods)[number] {
  const method = methods.find((one) => one === name);
  if (method === undefined) throw new Error(`no method: ${name}`);
  return method;
}
