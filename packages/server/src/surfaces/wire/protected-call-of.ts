import type { ProtectedCall } from '../../gateway/index.js';
import type { Exchange } from './exchange.js';
import type { RequestHead } from './request-head.js';

/** What the pipeline is told of a request. */
export function protectedCallOf(
  { environment, connection, mtlsUrl, trace }: Exchange,
  { authorization, query }: RequestHead,
  parameters: Readonly<Record<string, string>>,
  now: number,
): ProtectedCall {
  const { peer, address } = connection;
  return { environment, peer, address: address.text, mtlsUrl, authorization, parameters, query, now, trace };
}
