// A small API on loopback that answers as a test says, and what the client's parts need around them.

import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Agent } from 'undici';
import type { ClientEvent, PartnerClientOptions } from './options.js';
import { PartnerClient } from './partner-client.js';
import { readOptions } from './read-options.js';
import type { CallParts } from './request/perform-call.js';
import { TokenSource } from './tokens/token-source.js';
import type { World } from './world.js';

export interface ReceivedRequest {
  readonly method: string;
  /** With query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, anything else as JSON. */
  readonly body?: unknown;
}

/** `reset` breaks the connection, `never` keeps it open without an answer, a function answers itself. */
export type Answering = Reply | 'reset' | 'never' | ((response: ServerResponse) => void);

export interface LoopbackApi {
  readonly url: string;
  /** Calls, without token requests. */
  readonly calls: readonly ReceivedRequest[];
  readonly tokenRequests: readonly ReceivedRequest[];
}

export interface LoopbackOptions {
  /** Default: 200 with `{}`. @param count of calls before this one */
  readonly answer?: (request: ReceivedRequest, count: number) => Answering | Promise<Answering>;
  /** Default: `token-1`, `token-2` and so on, for an hour. @param count of token requests before this one */
  readonly answerToken?: (request: ReceivedRequest, count: number) => Answering | Promise<Answering>;
}

const stops: (() => unknown)[] = [];

/** Of everything started here: for `afterEach`. */
export async function stopLoopback(): Promise<void> {
  await Promise.all(stops.splice(0).map((stop) => stop()));
}

/** Stopped by `stopLoopback`, whatever is still open. */
export async function startApi({
  answer = () => ({ body: {} }),
  answerToken = (_, count) => tokenReply(`token-${count + 1}`),
}: LoopbackOptions = {}): Promise<LoopbackApi> {
  const calls: ReceivedRequest[] = [];
  const tokenRequests: ReceivedRequest[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const { method = '', url: target = '', headers } = incoming;
      const received = { method, target, headers, body: Buffer.concat(chunks).toString('utf8') };
      const isToken = target.endsWith('/oauth/token');
      const list = isToken ? tokenRequests : calls;
      list.push(received);
      const decided = (isToken ? answerToken : answer)(received, list.length - 1);
      void Promise.resolve(decided).then((answering) => reply(response, answering));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  stops.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, calls, tokenRequests };
}

function reply(response: ServerResponse, answering: Answering): void {
  if (answering === 'never') return;
  if (answering === 'reset') {
    response.socket?.resetAndDestroy();
  } else if (typeof answering === 'function') {
    answering(response);
  } else {
    const { status = 200, headers = {}, body } = answering;
    const isText = typeof body === 'string';
    response.writeHead(status, {
      ...(body === undefined || isText ? {} : { 'content-type': 'application/json' }),
      ...headers,
    });
    response.end(isText || body === undefined ? body : JSON.stringify(body));
  }
}

export function tokenReply(value: string, expiresIn = 3600): Reply {
  return { body: { access_token: value, token_type: 'bearer', expires_in: expiresIn, scope: 'transfers' } };
}

export const invalidToken: Reply = {
  status: 401,
  headers: { 'x-trace-id': '0123456789abcdef0123456789abcdef' },
  body: { error: 'invalid_token', error_description: 'Invalid token' },
};

export const theSecret = 'the-secret-of-the-test';

/** Closed by `stopLoopback`. */
export function aPartnerClient(
  api: Pick<LoopbackApi, 'url'>,
  changes: Partial<PartnerClientOptions> = {},
): PartnerClient {
  const client = new PartnerClient({ environment: api.url, clientId: 'client-1', clientSecret: theSecret, ...changes });
  stops.push(() => client.close());
  return client;
}

export interface TestWorld extends World {
  /** Of both clocks, in milliseconds. */
  now: number;
  /** How far the clock of the day was set. */
  setBy: number;
  readonly waits: number[];
}

/** A world whose clocks stand still, and in which waiting takes no time. */
export function aWorld({ random = 0.5 }: { readonly random?: number } = {}): TestWorld {
  const world: TestWorld = {
    now: 1_700_000_000_000,
    setBy: 0,
    waits: [],
    clock: () => world.now + world.setBy,
    steadyClock: () => world.now,
    random: () => random,
    wait: async (durationMs, signal) => {
      signal.throwIfAborted();
      world.waits.push(durationMs);
    },
  };
  return world;
}

export interface TestParts extends CallParts {
  readonly events: readonly ClientEvent[];
  readonly world: TestWorld;
  /** How many lines are held now. */
  heldLines(): number;
}

/** What a PartnerClient is made of, in a world of the test and over a plain undici agent. */
export function someParts(
  api: Pick<LoopbackApi, 'url'>,
  {
    world = aWorld(),
    thumbprint = () => null,
    ...changes
  }: Partial<PartnerClientOptions> & { readonly world?: TestWorld; readonly thumbprint?: () => string | null } = {},
): TestParts {
  const settings = readOptions({ environment: api.url, clientId: 'client-1', clientSecret: theSecret, ...changes });
  const agent = new Agent();
  stops.push(() => agent.destroy());
  const events: ClientEvent[] = [];
  let held = 0;
  const surroundings = {
    origin: settings.environment.origin,
    observe: (event: ClientEvent) => void events.push(event),
    startSpan: () => ({ headers: {}, end: () => undefined }),
    world,
  };
  const transport = {
    acquire: async () => {
      held += 1;
      return {
        dispatcher: agent,
        thumbprint: thumbprint(),
        certificate: null,
        release: () => {
          held -= 1;
        },
      };
    },
  };
  const tokens = new TokenSource({ settings, surroundings });
  return { settings, surroundings, transport, tokens, events, world, heldLines: () => held };
}

/** The rejection of `promise`. */
export async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
