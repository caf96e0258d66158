// Refusals are kept so that they can be explained, but never at the cost of a request: they go through a bounded queue,
// are sampled per client, code and address, and what does not fit is counted instead.

import { type Environment, redactSecrets } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import type { Database } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import { catalogue } from './catalogue.js';
import type { Refusal } from './refusal.js';

export interface RefusedRequest {
  /** 32 hex digits, ours; the correlation id is the caller's and proves nothing. */
  readonly traceId: string;
  readonly occurredAt: number;
  readonly environment: Environment;
  readonly listener: string;
  readonly method: string;
  readonly path: string;
  readonly correlationId: string | undefined;
  readonly address: string;
}

export interface RefusalRecorder {
  record(request: RefusedRequest, refusal: Refusal): void;
  /** Writes what waits in the queue; resolves when it is committed. */
  flush(): Promise<void>;
  /** Deletes a batch of what has expired; resolves to how many rows that were. */
  purge(now: number): Promise<number>;
}

export interface RefusalRecorderOptions {
  readonly database: Database;
  /** Told how many refusals were not kept: sampled away, or lost because the queue was full or the database away. */
  readonly onDropped: (reason: 'sampled' | 'queue_full' | 'database', count: number) => void;
}

const queueLimit = 1_000;
const flushAt = 100;
const flushAfterMs = 200;
const keptPerMinute = 20;
const sampledKeys = 10_000;
const retentionMs = 7 * 24 * 60 * 60_000;
const purgeBatch = 1_000;
const longestText = 500;

interface Sample {
  minute: number;
  kept: number;
  suppressed: number;
}

export function createRefusalRecorder({ database, onDropped }: RefusalRecorderOptions): RefusalRecorder {
  const samples = new LRUCache<string, Sample>({ max: sampledKeys });
  let queue: Row<'refusals'>[] = [];
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const write = async (): Promise<void> => {
    const batch = queue;
    queue = [];
    clearTimeout(timer);
    timer = undefined;
    if (batch.length === 0) return;
    try {
      await database.transaction((tx) =>
        tx
          .insertInto('refusals')
          .values(batch)
          .onConflict((on) => on.doNothing())
          .execute(),
      );
    } catch {
      onDropped('database', batch.length);
    }
  };
  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };

  return {
    record: (request, refusal) => {
      // Before the sample: taking it clears the count of those left out, which goes with a row that is kept.
      if (queue.length >= queueLimit) return onDropped('queue_full', 1);
      const sample = takeSample(
        samples,
        `${refusal.clientId ?? refusal.clientNamed ?? ''} ${refusal.refusal} ${request.address}`,
        request.occurredAt,
      );
      if (sample === undefined) return onDropped('sampled', 1);
      queue.push(toRow(request, refusal, sample));
      if (queue.length >= flushAt) void flush();
      else timer ??= setTimeout(() => void flush(), flushAfterMs).unref();
    },
    flush,
    purge: async (now) => {
      const deleted = await database.transaction((tx) =>
        tx
          .deleteFrom('refusals')
          .where('trace_id', 'in', (select) =>
            select.selectFrom('refusals').select('trace_id').where('expires_at', '<=', new Date(now)).limit(purgeBatch),
          )
          .executeTakeFirst(),
      );
      return Number(deleted.numDeletedRows);
    },
  };
}

/** How many were suppressed since the last one kept, or undefined when this one is to be suppressed too. */
function takeSample(samples: LRUCache<string, Sample>, key: string, now: number): number | undefined {
  const minute = Math.floor(now / 60_000);
  let sample = samples.get(key);
  if (sample === undefined) {
    sample = { minute, kept: 0, suppressed: 0 };
    samples.set(key, sample);
  }
  if (sample.minute !== minute) {
    sample.minute = minute;
    sample.kept = 0;
  }
  if (sample.kept >= keptPerMinute) {
    sample.suppressed += 1;
    return undefined;
  }
  sample.kept += 1;
  const { suppressed } = sample;
  sample.suppressed = 0;
  return suppressed;
}

function toRow(request: RefusedRequest, refusal: Refusal, suppressed: number): Row<'refusals'> {
  return {
    trace_id: request.traceId,
    occurred_at: new Date(request.occurredAt),
    environment: request.environment,
    listener: request.listener,
    method: request.method,
    path: clean(request.path),
    step: refusal.step,
    code: refusal.refusal,
    status: catalogue[refusal.refusal].status,
    expected: clean(refusal.expected),
    seen: clean(refusal.seen),
    client_named: refusal.clientNamed ?? null,
    client_id: refusal.clientId ?? null,
    correlation_id: request.correlationId === undefined ? null : clean(request.correlationId),
    address: request.address,
    suppressed,
    expires_at: new Date(request.occurredAt + retentionMs),
  };
}

/** Evidence is made of what strangers send: a secret pasted into the wrong field must not be kept. */
function clean(text: string): string {
  return redactSecrets(text).slice(0, longestText);
}
