import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { aKey, buildChain, checkpointHashByHand, kindsOf, successorByHand } from './chain-for-tests.js';
import type { ChainSource } from './chain-source.js';
import type { ChainLine, CheckpointLine, EntryLine, HeaderLine } from './export-format.js';
import { verifyExport } from './verify-export.js';
import { writeExport } from './write-export.js';

const [key, nextKey] = [aKey(), aKey()];

function someLines(): ChainLine[] {
  const chain = buildChain([key, nextKey]);
  chain.checkpoint(key);
  chain.entry('client.created', 'cli_1', { name: 'Zoë "z"\n' });
  chain.entry('audit_key.created', nextKey.id, { signature: successorByHand(nextKey.id, key) });
  chain.checkpoint(key);
  chain.checkpoint(nextKey);
  chain.entry('client.created', 'cli_2');
  chain.checkpoint(nextKey);
  return chain.lines();
}

/** Gives at most so many at a time, as the management API does. */
function sourceOf(lines: readonly ChainLine[], pageSize: number): ChainSource {
  const header = lines.find((line): line is HeaderLine => line.type === 'header');
  if (header === undefined) throw new Error('there is no header');
  const entries = lines.filter((line): line is EntryLine => line.type === 'entry');
  const checkpoints = lines.filter((line): line is CheckpointLine => line.type === 'checkpoint');
  const page = <Line>(all: readonly Line[], place: (line: Line) => number, after: number, until: number) =>
    all.filter((line) => place(line) > after && place(line) <= until).slice(0, pageSize);
  return {
    header: async () => header,
    entries: async (after, until) => page(entries, ({ position }) => position, after, until),
    checkpoints: async (after, until) => page(checkpoints, ({ number }) => number, after, until),
  };
}

async function exported(lines: readonly ChainLine[], pageSize = 2): Promise<string> {
  let text = '';
  await writeExport(sourceOf(lines, pageSize), (part) => {
    text += part;
  });
  return text;
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

const verify = (bytes: Buffer, size = 1_000) => verifyExport(inPieces(bytes, size), {});

test('[AUD-07] an export has every line in order and a trailer over all of it', async () => {
  const chain = someLines();
  const text = await exported(chain);
  const lines = text.trimEnd().split('\n');
  const before = `${lines.slice(0, -1).join('\n')}\n`;
  expect(lines.slice(0, -1).map((line) => JSON.parse(line))).toEqual(chain);
  expect(JSON.parse(lines.at(-1) ?? '')).toEqual({
    type: 'trailer',
    entries: 3,
    checkpoints: 4,
    sha256: createHash('sha256').update(before).digest('hex'),
  });
});

test('[AUD-07] an export is whole however it is cut into pieces and pages', async () => {
  for (const pageSize of [1, 3, 100]) {
    for (const size of [1, 7, 64, 100_000]) {
      const report = await verify(Buffer.from(await exported(someLines(), pageSize)), size);
      expect(report).toMatchObject({ problems: [], entries: 3, checkpoints: 4 });
    }
  }
});

test('[AUD-08] a single changed byte anywhere in an export is found, or changes nothing that it says', async () => {
  const bytes = Buffer.from(await exported(someLines()));
  const said = meaningOf(bytes);
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ flip;
      const { problems } = await verify(changed);
      if (problems.length === 0) expect(meaningOf(changed)).toEqual(said);
    }),
    { numRuns: 300 },
  );
});

test('[AUD-08] an export that ends early is found, wherever it was cut', async () => {
  const bytes = Buffer.from(await exported(someLines()));
  // Without its last line end it is still all there.
  await fc.assert(
    fc.asyncProperty(fc.nat(bytes.length - 2), async (length) => {
      expect((await verify(bytes.subarray(0, length))).problems).not.toEqual([]);
    }),
    { numRuns: 200 },
  );
  expect(kindsOf(await verify(bytes.subarray(0, bytes.lastIndexOf('{'))))).toEqual(['file_incomplete']);
});

test('[AUD-08] a file whose tail was cut off and whose header follows is whole, and it is said that nobody can tell', async () => {
  const chain = someLines();
  const isKept = (line: ChainLine): boolean =>
    line.type === 'header' || (line.type === 'entry' ? line.position <= 2 : line.number <= 3);
  const kept = chain.filter(isKept);
  const head = kept.filter((line): line is EntryLine => line.type === 'entry').at(-1);
  const newest = kept.filter((line): line is CheckpointLine => line.type === 'checkpoint').at(-1);
  if (head === undefined || newest === undefined) throw new Error('nothing was kept');
  const cut = kept.map((line) =>
    line.type === 'header'
      ? { ...line, head: { position: head.position, hash: head.entryHash }, checkpoint: newest.number }
      : line,
  );
  const bytes = Buffer.from(await exported(cut));
  const cutOff = expect.stringMatching(/is not signed: what came after the newest checkpoint .* may have been cut off/);
  const judged = await verify(bytes);
  expect(judged.problems).toEqual([]);
  expect(judged.notes).toContainEqual(cutOff);

  const later = chain.filter((line): line is CheckpointLine => line.type === 'checkpoint').at(-1);
  const anchor = (line: CheckpointLine) => ({ number: line.number, hash: checkpointHashByHand(line) });
  const noted = later && (await verifyExport(inPieces(bytes, 1_000), { anchor: anchor(later) }));
  expect(noted && kindsOf(noted), 'a checkpoint that was noted tells').toEqual(['anchor_missing']);
  const fitting = await verifyExport(inPieces(bytes, 1_000), { anchor: anchor(newest) });
  expect(fitting.notes).not.toContainEqual(cutOff);
});

test('something that is no export at all is told as such', async () => {
  expect(kindsOf(await verify(Buffer.from('hello\n')))).toEqual(['file_unreadable', 'file_incomplete']);
  expect(kindsOf(await verify(Buffer.alloc(3_000_000, 'x')))).toEqual(['file_unreadable', 'file_incomplete']);
  expect(kindsOf(await verify(Buffer.from(`${await exported(someLines())}{}\n`)))).toEqual(['file_unreadable']);
});

function meaningOf(bytes: Buffer): unknown {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line));
}
