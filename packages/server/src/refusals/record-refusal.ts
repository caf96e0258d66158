// Refusals are kept so that they can be explained, but never at the cost of a request: they go through a bounded queue,
// are sampled per proved client, code and address, and what does not fit is counted instead.

import { type Environment, redactSecrets } from '@tollward/protocol';
import { LRUCache } from 'lru-cache';
import type { Database } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import { parsePeerAddress } from '../platform/listeners/address.js';
import { catalogue, statusOf } from './catalogue.js';
import type { Refusal } from './refusal.js';

export interface RefusedRequest {
  /** 32 hex digits, ours; the correlation id is the caller's and proves nothing. */
  readonly traceId: string;
  readonly occurredAt: number;
  readonly environment: Environment;
  readonly listener: string;
  readonly method: string;
  readonly path: string;
  /** That of the answer. Left out, the one of the code. */
  readonly status?: number;
  readonly correlationId: string | undefined;
  readonly address: string;
}

export interface RefusalRecorder {
  record(request: RefusedRequest, refusal: Refusal): void;
  /** Writes what waits in the queue; resolves when it is committed. */
  flush(): Promise<void>;
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
/** Over all codes and clients of one address, or of one IPv6 network. */
const keptPerSourceAndMinute = 200;
const sampledKeys = 10_000;
const retentionMs = 7 * 24 * 60 * 60_000;
const longestText = 500;

interface Sample {
  readonly minute: number;
  kept: number;
  suppressed: number;
}

export function createRefusalRecorder({ database, onDropped }: RefusalRecorderOptions): RefusalRecorder {
  const samples = new LRUCache<string, Sample>({ max: sampledKeys });
  const sources = new LRUCache<string, Sample>({ max: sampledKeys });
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
      const source = parsePeerAddress(request.address).limitKey;
      const minute = Math.floor(request.occurredAt / 60_000);
      // Not by what the caller only named: every name would be a new key.
      const sample = sampleOf(samples, `${refusal.clientId ?? ''} ${refusal.refusal} ${source}`, minute);
      const ofSource = sampleOf(sources, source, minute);
      if (sample.kept >= keptPerMinute || ofSource.kept >= keptPerSourceAndMinute) {
        sample.suppressed += 1;
        return onDropped('sampled', 1);
      }
      sample.kept += 1;
      ofSource.kept += 1;
      queue.push(toRow(request, refusal, sample.suppressed));
      sample.suppressed = 0;
      if (queue.length >= flushAt) void flush();
      else timer ??= setTimeout(() => void flush(), flushAfterMs).unref();
    },
    flush,
  };
}

function sampleOf(samples: LRUCache<string, Sample>, key: string, minute: number): Sample {
  const known = samples.get(key);
  // A slow request comes with the minute it began in, which must not open the past one again.
  if (known !== undefined && (known.minute === minute || known.minute === minute + 1)) return known;
  const fresh = { minute, kept: 0, suppressed: known?.suppressed ?? 0 };
  samples.set(key, fresh);
  return fresh;
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
    status: request.status ?? statusOf(catalogue[refusal.refusal]),
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
