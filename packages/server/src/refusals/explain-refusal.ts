import type { Environment, RefusalCode } from '@tollward/protocol';
import type { Database } from '../platform/database/database.js';
import { errorOf, isUnderOAuth } from './answer-error.js';
import { catalogue } from './catalogue.js';
import { clientRequestSteps, forwardedCallSteps, protectedCallSteps, tokenRequestSteps } from './refusal.js';

export interface ExplainedRefusal {
  readonly traceId: string;
  readonly occurredAt: Date;
  readonly environment: Environment;
  readonly listener: string;
  readonly method: string;
  readonly path: string;
  readonly address: string;
  readonly correlationId: string | null;
  readonly code: RefusalCode;
  readonly status: number;
  /** The `error` member of the answer; null: the upstream answered. */
  readonly error: string | null;
  /** Every step of this kind of request in order. Steps after the failed one did not run. */
  readonly steps: readonly { readonly name: string; readonly outcome: 'passed' | 'failed' | 'not run' }[];
  readonly expected: string;
  readonly seen: string;
  readonly remedy: string;
  /** The client that authenticated or owns the token. */
  readonly clientId: string | null;
  /** The client the request only named. */
  readonly clientNamed: string | null;
  readonly suppressedBefore: number;
}

/** Undefined when no refusal is kept under this trace id. */
export async function explainRefusal(database: Database, traceId: string): Promise<ExplainedRefusal | undefined> {
  const row = await database.read((tx) =>
    tx.selectFrom('refusals').selectAll().where('trace_id', '=', traceId).executeTakeFirst(),
  );
  if (row === undefined) return undefined;
  const entry = catalogue[row.code];
  const order = stepsOf(row.path);
  const failed = order.indexOf(row.step);
  return {
    traceId: row.trace_id,
    occurredAt: row.occurred_at,
    environment: row.environment,
    listener: row.listener,
    method: row.method,
    path: row.path,
    address: row.address,
    correlationId: row.correlation_id,
    code: row.code,
    status: row.status,
    // The answer of an upstream was its own, whatever stood in it.
    error: entry.status === null ? null : errorOf(entry, row.path),
    steps: order.map((name, index) => ({
      name,
      outcome: index < failed ? 'passed' : index === failed ? 'failed' : 'not run',
    })),
    expected: row.expected,
    seen: row.seen,
    remedy: entry.remedy,
    clientId: row.client_id,
    clientNamed: row.client_named,
    suppressedBefore: row.suppressed,
  };
}

/** The bearer-protected paths that are answered here; an upstream answers all others. */
const answeredHere = /^\/(?:v1|\d{4}Q\d)\/authenticated\/playground$/;

function stepsOf(path: string): readonly string[] {
  if (path.endsWith('/oauth/token')) return tokenRequestSteps;
  if (isUnderOAuth(path)) return clientRequestSteps;
  return answeredHere.test(path) ? protectedCallSteps : forwardedCallSteps;
}
