// What is compared with what. Order matters only for reading: every contender runs in every round.

import type { ConnectionMode, HttpExchange, StreamPlan, TlsTarget } from './load-plan.js';

export interface Server {
  /** All processes whose CPU time counts. */
  readonly pids: readonly number[];
  /** Requests are spread over them. */
  readonly targets: readonly TlsTarget[];
}

export interface Servers {
  readonly bare: Server;
  readonly bareProxy: Server;
  /** Undefined where there is no nginx. */
  readonly nginx: Server | undefined;
  readonly tollward: Server;
}

export interface Requests {
  readonly exchange: HttpExchange;
  /** One bearer token a line, used in turn; null: the exchange has its credentials. */
  readonly tokensFile: string | null;
}

export interface Exchanges {
  readonly token: Requests;
  readonly playground: Requests;
  readonly rates: Requests;
  /** The same with more tokens than Tollward remembers. */
  readonly ratesWithNewTokens: Requests;
  readonly quotes: Requests;
  readonly streamAuthorization: string;
}

export type Work = (Requests & { readonly mode: ConnectionMode }) | Omit<StreamPlan, 'targets' | 'serverPids'>;

export interface Contender {
  readonly label: string;
  readonly server: Server;
  readonly work: Work;
  /** Label of the contender its CPU is divided by. */
  readonly reference?: string;
  /** Highest ratio that passes. Without it the figure is only shown. */
  readonly highestRatio?: number;
}

export function listContenders(servers: Servers, exchanges: Exchanges): readonly Contender[] {
  const { bare, bareProxy, nginx, tollward } = servers;
  const token = { ...exchanges.token, mode: 'keep-alive' } as const;
  const playground = { ...exchanges.playground, mode: 'keep-alive' } as const;
  const handshake = { ...exchanges.token, mode: 'new-connection' } as const;
  const rates = { ...exchanges.rates, mode: 'keep-alive' } as const;
  const newTokens = { ...exchanges.ratesWithNewTokens, mode: 'keep-alive' } as const;
  const quotes = { ...exchanges.quotes, mode: 'keep-alive' } as const;
  const down = { direction: 'down', authorization: exchanges.streamAuthorization } as const;
  const up = { ...down, direction: 'up' } as const;
  return [
    { label: 'bare, token size', server: bare, work: token },
    { label: 'token', server: tollward, work: token, reference: 'bare, token size', highestRatio: 2.0 },

    { label: 'bare, playground size', server: bare, work: playground },
    {
      label: 'playground',
      server: tollward,
      work: playground,
      reference: 'bare, playground size',
      highestRatio: 1.6,
    },

    { label: 'bare, full handshake + token', server: bare, work: handshake },
    { label: 'full handshake + token', server: tollward, work: handshake, reference: 'bare, full handshake + token' },

    { label: 'bare proxy', server: bareProxy, work: rates },
    { label: 'gateway', server: tollward, work: rates, reference: 'bare proxy', highestRatio: 1.6 },
    { label: 'gateway, new tokens', server: tollward, work: newTokens, reference: 'bare proxy' },
    ...(nginx ? [{ label: 'nginx + auth_request', server: nginx, work: rates, reference: 'bare proxy' }] : []),

    { label: 'bare proxy, POST', server: bareProxy, work: quotes },
    { label: 'gateway, POST', server: tollward, work: quotes, reference: 'bare proxy, POST' },

    { label: 'bare proxy, MiB down', server: bareProxy, work: down },
    { label: 'gateway, MiB down', server: tollward, work: down, reference: 'bare proxy, MiB down', highestRatio: 1.6 },
    { label: 'bare proxy, MiB up', server: bareProxy, work: up },
    { label: 'gateway, MiB up', server: tollward, work: up, reference: 'bare proxy, MiB up', highestRatio: 1.6 },
  ];
}

/** What is measured again when a gate fails: those that are compared with one reference. */
export function familyOf({ label, reference }: Pick<Contender, 'label' | 'reference'>): string {
  return reference ?? label;
}

export function isHandshake({ work }: Contender): boolean {
  return 'mode' in work && work.mode === 'new-connection';
}
