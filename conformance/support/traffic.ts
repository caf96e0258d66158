// A partner that calls without a pause, on connections it keeps.

import { Agent, request } from 'node:https';
import { basic } from '@tollward/server/testing';
import type { Partner } from './partner.js';

export interface Traffic {
  /** Status or error code to how often. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Calls answered 200 so far. */
  passed(): number;
  /** Resolves when the running calls are answered. */
  stop(): Promise<void>;
}

function send(
  { mtlsUrl, ca, identity }: Partner,
  agent: Agent,
  call: {
    readonly method: string;
    readonly path: string;
    readonly headers: Record<string, string>;
    readonly body?: string;
  },
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const { method, headers } = call;
    const options = { method, headers, agent, ca, cert: identity.cert, key: identity.key };
    const outgoing = request(new URL(call.path, mtlsUrl), options, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8');
      incoming.on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('error', reject);
      incoming.on('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
    });
    outgoing.on('error', reject);
    outgoing.end(call.body);
  });
}

const pauseMs = 5;

interface Kind {
  readonly connections: number;
  /** Connections are kept, and used again; else each call makes its own, resuming the session of an earlier one. */
  readonly keepAlive?: boolean;
}

/** Calls the playground with `token`, or another path. */
export function startTraffic(
  partner: Partner,
  token: string,
  connections: number | Kind,
  path = '/v1/authenticated/playground',
): Traffic {
  return repeat(partner, connections, {
    method: 'GET',
    path,
    headers: { authorization: `Bearer ${token}` },
  });
}

/** Asks for tokens. */
export function startTokenTraffic(partner: Partner, connections: number | Kind): Traffic {
  return repeat(partner, connections, {
    method: 'POST',
    path: '/oauth/token',
    headers: {
      authorization: basic(partner.clientId, partner.secret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: 'grant_type=client_credentials',
  });
}

function repeat(partner: Partner, kind: number | Kind, call: Parameters<typeof send>[2]): Traffic {
  const { connections, keepAlive = true } = typeof kind === 'number' ? { connections: kind } : kind;
  const agent = new Agent({ keepAlive, maxSockets: connections });
  const outcomes = new Map<string, number>();
  let stopped = false;
  const work = async (): Promise<void> => {
    while (!stopped) {
      const outcome = await send(partner, agent, call).then(
        ({ status }) => String(status),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  };
  const working = Array.from({ length: connections }, work);
  return {
    outcomes,
    passed: () => outcomes.get('200') ?? 0,
    stop: async () => {
      stopped = true;
      await Promise.all(working);
      agent.destroy();
    },
  };
}
