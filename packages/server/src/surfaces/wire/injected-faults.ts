// Faults that somebody asked for, so that a caller can be tried against them. Only `tollward dev` has them.

import type { Environment } from '@tollward/protocol';
import { namesOfPeer } from '../../certificates/index.js';
import { catalogue, type Refusal } from '../../refusals/index.js';
import type { Answer, Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';

type Json = string | number | boolean | null | Json[] | { [name: string]: Json };

/** An answer instead of the route's; the connection cut without one; or silence. */
export type FaultEffect =
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly retryAfterSeconds?: number | undefined;
      /** The `error` member of the body. */
      readonly code?: string | undefined;
      /** Instead of a body made of the code. */
      readonly body?: Json | undefined;
    }
  | { readonly kind: 'reset' }
  | { readonly kind: 'no-answer' };

/** What is left out matches every request. */
export interface FaultWish {
  /** By the user name of HTTP Basic, or by the common name of a certificate that we issued. */
  readonly clientId?: string | undefined;
  readonly method?: string | undefined;
  /** A beginning of the path. */
  readonly path?: string | undefined;
  readonly times: number;
  readonly effect: FaultEffect;
}

export interface InjectedFault extends FaultWish {
  readonly id: number;
  /** How many requests it will still hit. */
  readonly left: number;
}

/** What becomes of a request, and the reason that is kept of it. */
export interface Injected {
  readonly outcome: Answer | 'reset' | 'no-answer';
  readonly reason: Refusal;
}

export interface InjectedFaults {
  /** Undefined when there are too many already. */
  add(environment: Environment, wish: FaultWish): InjectedFault | undefined;
  /** In the order they were asked for. */
  list(environment: Environment): readonly InjectedFault[];
  /** @returns how many there were */
  clear(environment: Environment): number;
  /** The oldest fault that matches hits this request, and has one less left. */
  take(exchange: Exchange, head: RequestHead): Injected | undefined;
}

export const mostInjectedFaults = 100;

export function createInjectedFaults(): InjectedFaults {
  const waiting: Record<Environment, InjectedFault[]> = { sandbox: [], production: [] };
  let lastId = 0;
  return {
    add: (environment, wish) => {
      if (waiting[environment].length >= mostInjectedFaults) return undefined;
      lastId += 1;
      const fault = { ...wish, id: lastId, left: wish.times };
      waiting[environment].push(fault);
      return fault;
    },
    list: (environment) => [...waiting[environment]],
    clear: (environment) => waiting[environment].splice(0).length,
    take: (exchange, head) => {
      const faults = waiting[exchange.environment];
      const index = faults.findIndex((fault) => matches(fault, exchange, head));
      const fault = faults[index];
      if (fault === undefined) return undefined;
      const left = fault.left - 1;
      if (left === 0) faults.splice(index, 1);
      else faults[index] = { ...fault, left };
      return { outcome: outcomeOf(fault.effect), reason: reasonOf(fault) };
    },
  };
}

function matches({ clientId, method, path = '' }: FaultWish, exchange: Exchange, head: RequestHead): boolean {
  if (method !== undefined && method !== exchange.request.method) return false;
  return head.path.startsWith(path) && (clientId === undefined || namesClient(clientId, exchange, head));
}

function namesClient(
  clientId: string,
  { connection: { peer } }: Exchange,
  { authorization = '' }: RequestHead,
): boolean {
  const [, credentials = ''] = /^Basic +(\S+)$/i.exec(authorization) ?? [];
  if (Buffer.from(credentials, 'base64').toString('latin1').split(':', 1)[0] === clientId) return true;
  return peer !== null && peer !== 'not-asked' && namesOfPeer(peer).includes(clientId);
}

function outcomeOf(effect: FaultEffect): Injected['outcome'] {
  if (effect.kind !== 'answer') return effect.kind;
  const { status, retryAfterSeconds, code, body } = effect;
  const headers = ['cache-control', 'no-store'];
  // With words of its own the answer is as somebody else would give it.
  if (code === undefined && body === undefined) headers.push('x-refusal-code', 'injected_fault');
  if (retryAfterSeconds !== undefined) headers.push('retry-after', String(retryAfterSeconds));
  if (status === 401) headers.push('www-authenticate', 'Bearer realm="tollward"');
  const { error, text } = catalogue.injected_fault;
  const json = JSON.stringify(body ?? { error: code ?? error, error_description: text });
  return { status, headers, body: Buffer.from(json) };
}

function reasonOf({ id, effect, left, times }: InjectedFault): Refusal {
  const what = effect.kind === 'answer' ? `the answer ${effect.status}` : effect.kind;
  return {
    refusal: 'injected_fault',
    step: 'edge',
    expected: 'no fault that was asked for',
    seen: `fault ${id}: ${what}, time ${times - left + 1} of ${times}`,
  };
}
