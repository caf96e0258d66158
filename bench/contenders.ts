// What is compared with what. Order matters only for reading: every contender runs in every round.

import type { ConnectionMode, HttpExchange, TlsTarget } from './load-plan.js';

export type ExchangeName = 'token' | 'playground';

export interface Server {
  readonly pid: number;
  readonly target: TlsTarget;
  readonly exchanges: Readonly<Record<ExchangeName, HttpExchange>>;
}

export interface Contender {
  readonly label: string;
  readonly server: Server;
  readonly exchange: HttpExchange;
  readonly mode: ConnectionMode;
  /** Label of the contender its CPU per request is divided by. */
  readonly reference: string | undefined;
  /** Highest ratio that passes; undefined where the figure is only shown. */
  readonly highestRatio: number | undefined;
}

export interface Servers {
  readonly bare: Server;
  readonly tollward: Server;
  readonly tollwardWithoutLogs: Server;
}

const HIGHEST_TOKEN_RATIO = 2.0;
const HIGHEST_PLAYGROUND_RATIO = 1.6;

export function listContenders({ bare, tollward, tollwardWithoutLogs }: Servers): readonly Contender[] {
  const token = { mode: 'keep-alive', reference: 'bare, token size' } as const;
  const playground = { mode: 'keep-alive', reference: 'bare, playground size' } as const;
  const handshake = { mode: 'new-connection', reference: 'bare, full handshake + token' } as const;
  const contender = (
    label: string,
    server: Server,
    exchangeName: ExchangeName,
    comparison: typeof token | typeof playground | typeof handshake,
    highestRatio?: number,
  ): Contender => ({
    label,
    server,
    exchange: server.exchanges[exchangeName],
    mode: comparison.mode,
    reference: label === comparison.reference ? undefined : comparison.reference,
    highestRatio,
  });
  return [
    contender(token.reference, bare, 'token', token),
    contender('token', tollward, 'token', token, HIGHEST_TOKEN_RATIO),
    contender('token, logging off', tollwardWithoutLogs, 'token', token),
    contender(playground.reference, bare, 'playground', playground),
    contender('playground', tollward, 'playground', playground, HIGHEST_PLAYGROUND_RATIO),
    contender('playground, logging off', tollwardWithoutLogs, 'playground', playground),
    contender(handshake.reference, bare, 'token', handshake),
    contender('full handshake + token', tollward, 'token', handshake),
  ];
}
