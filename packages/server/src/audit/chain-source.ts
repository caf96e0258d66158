// Where a chain can be read from, piece by piece, and the lines that make it up.

import type { Database } from '../platform/database/database.js';
import { readCheckpointLines, readEntryLines, readHead, readNewestCheckpoint, readPublicKeys } from './chain-store.js';
import type { ChainLine, CheckpointLine, EntryLine, HeaderLine } from './export-format.js';

/** Each call gives at most so many. */
const chainPage = 1_000;

export interface ChainSource {
  header(): Promise<HeaderLine>;
  /** The next ones after a position, up to another one and in order. None: that was all. */
  entries(after: number, until: number): Promise<readonly EntryLine[]>;
  checkpoints(after: number, until: number): Promise<readonly CheckpointLine[]>;
}

export function createDatabaseSource(
  database: Database,
  source: HeaderLine['source'],
  clock: () => number,
): ChainSource {
  return {
    header: () =>
      database.read(async (tx) => {
        // The checkpoint before the head: what it covers is then part of what is read.
        const newest = await readNewestCheckpoint(tx);
        const keys = await readPublicKeys(tx);
        const exportedAt = new Date(clock()).toISOString();
        const format = { type: 'header', format: 'tollward audit chain', version: 1 } as const;
        return {
          ...format,
          exportedAt,
          source,
          head: await readHead(tx),
          checkpoint: newest?.number ?? 0,
          keys,
        };
      }),
    entries: (after, until) => database.read((tx) => readEntryLines(tx, after, until, chainPage)),
    checkpoints: (after, until) => database.read((tx) => readCheckpointLines(tx, after, until, chainPage)),
  };
}

/** Everything the header speaks of, a page at a time. What is added meanwhile is left out. */
export async function* readChainLines(source: ChainSource): AsyncGenerator<ChainLine> {
  const header = await source.header();
  yield header;
  const entries = pages(
    (after) => source.entries(after, header.head.position),
    ({ position }) => position,
  );
  const checkpoints = pages(
    (after) => source.checkpoints(after, header.checkpoint),
    ({ number }) => number,
  );
  let entry = await entries.next();
  for await (const checkpoint of checkpoints) {
    for (; !entry.done && entry.value.position <= checkpoint.position; entry = await entries.next()) yield entry.value;
    yield checkpoint;
  }
  for (; !entry.done; entry = await entries.next()) yield entry.value;
}

async function* pages<Line>(
  read: (after: number) => Promise<readonly Line[]>,
  placeOf: (line: Line) => number,
): AsyncGenerator<Line, undefined> {
  let after = 0;
  for (;;) {
    const lines = await read(after);
    yield* lines;
    const last = lines.at(-1);
    if (last === undefined) return;
    after = placeOf(last);
  }
}
