import { describe, expect, test } from 'vitest';
import {
  aKey,
  buildChain,
  checkpointHashByHand,
  entryHashByHand,
  kindsOf,
  signedByHand,
  successorByHand,
} from './chain-for-tests.js';
import type { ChainLine, CheckpointLine, EntryLine, HeaderLine } from './export-format.js';
import { createChainVerifier, type VerifyChain } from './verify-chain.js';

const first = aKey();
const second = aKey();
const stranger = aKey();

/** Eight entries, a change of keys after the fifth, and a checkpoint now and then: numbers 1 to 5 at 2, 5, 5, 7 and 8. */
function aChain(): ChainLine[] {
  const chain = buildChain([first, second]);
  chain.entry('client.created', 'cli_1', { name: 'Zoë' });
  chain.entry('secret.created', 'sec_1');
  chain.checkpoint(first);
  chain.entry('secret.revoked', 'sec_1');
  chain.entry('audit_key.created', second.id, { signature: successorByHand(second.id, first) });
  chain.entry('client.revoked', 'cli_1');
  chain.checkpoint(first);
  chain.checkpoint(second);
  chain.entry('client.created', 'cli_2');
  chain.entry('client.created', 'cli_3');
  chain.checkpoint(second);
  chain.entry('client.created', 'cli_4');
  chain.checkpoint(second);
  return chain.lines();
}

function judge(lines: readonly ChainLine[], options: VerifyChain = {}) {
  const verifier = createChainVerifier(options);
  for (const line of lines) verifier.add(line);
  return verifier.finish();
}

const problemsOf = (lines: readonly ChainLine[], options?: VerifyChain) => kindsOf(judge(lines, options));

const isEntry = (line: ChainLine): line is EntryLine => line.type === 'entry';
const isCheckpoint = (line: ChainLine): line is CheckpointLine => line.type === 'checkpoint';

const changeEntry = (position: number, change: (entry: EntryLine) => EntryLine | undefined): ChainLine[] =>
  aChain().flatMap((line) => (isEntry(line) && line.position === position ? (change(line) ?? []) : line));
const changeCheckpoint = (number: number, change: (line: CheckpointLine) => CheckpointLine | undefined): ChainLine[] =>
  aChain().flatMap((line) => (isCheckpoint(line) && line.number === number ? (change(line) ?? []) : line));
const changeHeader = (change: Partial<HeaderLine>): ChainLine[] =>
  aChain().map((line) => (line.type === 'header' ? { ...line, ...change } : line));

/** Gives every entry from its place on the hash it would have had, as somebody without the key can. */
function rehash(lines: readonly ChainLine[]): ChainLine[] {
  let previousHash = '00'.repeat(32);
  let position = 0;
  const rehashed = lines.map((line) => {
    if (!isEntry(line)) return line;
    position += 1;
    const entryHash = entryHashByHand(previousHash, position, line.entry);
    const changed = { ...line, position, previousHash, entryHash };
    previousHash = entryHash;
    return changed;
  });
  return inOrder(
    rehashed.map((line) => (line.type === 'header' ? { ...line, head: { position, hash: previousHash } } : line)),
  );
}

/** As an export orders them: each checkpoint behind the last entry that it covers. */
function inOrder(lines: readonly ChainLine[]): ChainLine[] {
  const place = (line: ChainLine): number =>
    line.type === 'header' ? 0 : isEntry(line) ? line.position : line.position + 0.5;
  return lines.toSorted((left, right) => place(left) - place(right));
}

const forge = (text: string, entry: EntryLine): EntryLine => ({
  ...entry,
  subject: text,
  entry: entry.entry.replace(`"${entry.subject}"`, `"${text}"`),
});

describe('a chain that nobody touched', () => {
  test('[AUD-05] is whole, also across a change of keys', () => {
    const report = judge(aChain());
    expect(report).toMatchObject({ problems: [], entries: 8, checkpoints: 5 });
    expect(report.newest).toMatchObject({ number: 5, position: 8, keyId: second.id });
  });

  test('is whole for whoever knows the key before the change, or the one after it', () => {
    for (const { id } of [first, second]) expect(problemsOf(aChain(), { trustedKeyId: id })).toEqual([]);
  });

  test('says plainly when the keys came from the chain itself', () => {
    expect(judge(aChain()).notes.join()).toContain('taken from the chain itself');
    expect(judge(aChain(), { trustedKeyId: first.id }).notes).toEqual([]);
  });

  test('is whole for whoever noted one of its checkpoints', () => {
    for (const line of aChain().filter(isCheckpoint)) {
      expect(problemsOf(aChain(), { anchor: { number: line.number, hash: checkpointHashByHand(line) } })).toEqual([]);
    }
  });

  test('may have entries that are not signed yet, and says how many', () => {
    const chain = buildChain([first]);
    chain.checkpoint(first);
    chain.entry('client.created', 'cli_1');
    expect(judge(chain.lines())).toMatchObject({ problems: [] });
    expect(judge(chain.lines()).notes).toContain('The last entry is not signed yet.');
  });

  test('may be empty', () => {
    expect(problemsOf(buildChain([]).lines())).toEqual([]);
  });
});

describe('what was done to a chain is found:', () => {
  const swapped = (): ChainLine[] => {
    const chain = aChain();
    const [left, right] = chain.filter(isEntry);
    if (left === undefined || right === undefined) throw new Error('the chain is too short');
    return chain.map((line) =>
      line === left ? { ...right, position: 1 } : line === right ? { ...left, position: 2 } : line,
    );
  };
  const cut = (lines: readonly ChainLine[], entries: number, checkpoints: number): ChainLine[] =>
    lines.filter(
      (line) => line.type === 'header' || (isEntry(line) ? line.position <= entries : line.number <= checkpoints),
    );
  const cutCleanly = (): ChainLine[] => {
    const lines = cut(aChain(), 7, 4);
    const last = lines.filter(isEntry).at(-1);
    const head = { position: 7, hash: last?.entryHash ?? '' };
    return lines.map((line) => (line.type === 'header' ? { ...line, head, checkpoint: 4 } : line));
  };
  const inserted = (): ChainLine[] => {
    const chain = aChain();
    const [entry] = chain.filter(isEntry);
    if (entry === undefined) throw new Error('the chain is empty');
    return rehash(chain.flatMap((line) => (line === entry ? [line, forge('cli_9', entry)] : line)));
  };
  const renumbered = (): ChainLine[] => rehash(changeEntry(3, () => undefined));
  /** Where nothing is compared with them yet. */
  const checkpointsFirst = (): ChainLine[] => {
    const lines = changeHeader({ checkpoint: 1 });
    const signed = lines.filter((line) => isCheckpoint(line) && line.number === 1);
    const forged = rehash(lines.map((line) => (isEntry(line) && line.position === 1 ? forge('cli_9', line) : line)));
    return [...forged.slice(0, 1), ...signed, ...forged.slice(1).filter(isEntry)];
  };
  const forked = (line: CheckpointLine): CheckpointLine =>
    signedByHand({ ...line, previousHash: 'ab'.repeat(32) }, second);
  const otherHead = { position: 8, hash: 'ab'.repeat(32) };
  const byStranger = (line: CheckpointLine): CheckpointLine => signedByHand(line, stranger);

  const cases: readonly [what: string, lines: () => ChainLine[], kinds: string[], options?: VerifyChain][] = [
    ['bytes of an entry', () => changeEntry(3, (entry) => ({ ...entry, entry: `${entry.entry} ` })), ['entry_changed']],
    ['its id', () => changeEntry(3, (entry) => ({ ...entry, id: 'aud_other' })), ['entry_columns']],
    ['its time', () => changeEntry(3, (entry) => ({ ...entry, occurredAt: 'infinity' })), ['entry_columns']],
    ['its environment', () => changeEntry(3, (entry) => ({ ...entry, environment: null })), ['entry_columns']],
    ['its actor', () => changeEntry(3, (entry) => ({ ...entry, actor: 'tollward' })), ['entry_columns']],
    ['its action', () => changeEntry(3, (entry) => ({ ...entry, action: 'secret.paused' })), ['entry_columns']],
    ['its subject', () => changeEntry(3, (entry) => ({ ...entry, subject: 'sec_2' })), ['entry_columns']],
    [
      'its hash',
      () => changeEntry(3, (entry) => ({ ...entry, entryHash: 'ab'.repeat(32) })),
      ['entry_changed', 'entry_link'],
    ],
    ['column and bytes alike', () => changeEntry(3, (entry) => forge('sec_2', entry)), ['entry_changed']],
    [
      'column, bytes and every hash after it',
      () => rehash(changeEntry(3, (entry) => forge('sec_2', entry))),
      ['checkpoint_mismatch'],
    ],
    ['an entry removed from the middle', () => changeEntry(3, () => undefined), ['entry_missing']],
    ['the first entry removed', () => changeEntry(1, () => undefined), ['entry_missing']],
    ['an entry removed, and the rest hashed anew', renumbered, ['checkpoint_mismatch', 'chain_cut']],
    ['an entry inserted, and the rest hashed anew', inserted, ['checkpoint_mismatch']],
    [
      'an entry a second time',
      () => aChain().flatMap((line) => (isEntry(line) && line.position === 3 ? [line, line] : line)),
      ['entry_order'],
    ],
    ['two entries swapped', swapped, ['entry_link', 'entry_changed', 'checkpoint_mismatch']],
    ['the tail of entries cut off', () => cut(aChain(), 6, 5), ['chain_cut']],
    ['entries and checkpoints cut off', () => cut(aChain(), 6, 3), ['chain_cut', 'checkpoint_missing']],
    ['both, with a header that fits', cutCleanly, ['anchor_missing'], { anchor: { number: 5, hash: 'ab'.repeat(32) } }],
    ['a checkpoint removed', () => changeCheckpoint(4, () => undefined), ['checkpoint_missing']],
    [
      'the last one of a key removed',
      () => changeCheckpoint(2, () => undefined),
      ['checkpoint_missing', 'key_unknown'],
    ],
    ['checkpoints moved before what they cover', checkpointsFirst, ['checkpoint_order']],
    ['the newest checkpoint removed', () => changeCheckpoint(5, () => undefined), ['checkpoint_missing']],
    [
      'every checkpoint removed',
      () => changeHeader({ checkpoint: 0 }).filter((line) => !isCheckpoint(line)),
      ['checkpoint_missing'],
    ],
    [
      'the time of a checkpoint',
      () => changeCheckpoint(4, (line) => ({ ...line, signedAt: '2026-03-01T13:00:00.000Z' })),
      ['checkpoint_changed'],
    ],
    [
      'its signature',
      () => changeCheckpoint(4, (line) => ({ ...line, signature: 'A'.repeat(86) })),
      ['checkpoint_changed'],
    ],
    ['a checkpoint that follows another one', () => changeCheckpoint(5, forked), ['checkpoint_changed']],
    [
      'a last entry that is another one than was read first',
      () => changeHeader({ head: otherHead }),
      ['entry_changed'],
    ],
    ['a checkpoint of another key', () => changeCheckpoint(5, byStranger), ['key_unknown']],
    ['a key changed', () => changeHeader({ keys: [{ id: first.id, publicKey: stranger.publicKey }] }), ['key_unknown']],
    ['a key removed', () => changeHeader({ keys: [{ id: first.id, publicKey: first.publicKey }] }), ['key_unknown']],
    [
      'a checkpoint noted elsewhere that is another one',
      aChain,
      ['anchor_missing'],
      { anchor: { number: 5, hash: 'ab'.repeat(32) } },
    ],
    ['a chain made anew with another key', aChain, ['key_not_trusted'], { trustedKeyId: stranger.id }],
  ];
  for (const [what, lines, kinds, options] of cases) {
    test(`[AUD-06] ${what}`, () => expect(problemsOf(lines(), options)).toEqual(kinds));
  }

  test('a key that was announced, and not by the key before it', () => {
    for (const signer of [stranger, second]) {
      const chain = buildChain([first, second]);
      chain.entry('audit_key.created', second.id, { signature: successorByHand(second.id, signer) });
      chain.checkpoint(first);
      chain.checkpoint(second);
      expect(problemsOf(chain.lines())).toEqual(['key_unknown']);
    }
  });

  test('a new key that begins at another place than the one before ended', () => {
    const chain = buildChain([first, second]);
    chain.entry('audit_key.created', second.id, { signature: successorByHand(second.id, first) });
    chain.checkpoint(first);
    chain.entry('client.created', 'cli_1');
    chain.checkpoint(second);
    expect(problemsOf(chain.lines())).toEqual(['key_unknown']);
  });

  test('a checkpoint that covers less than the one before it', () => {
    const chain = buildChain([first]);
    chain.entry('client.created', 'cli_1');
    chain.checkpoint(first);
    chain.checkpoint(first);
    const lines = chain.lines();
    const last = lines.pop();
    if (last === undefined || !isCheckpoint(last)) throw new Error('no checkpoint is last');
    lines.push(signedByHand({ ...last, position: 0, entryHash: '00'.repeat(32) }, first));
    expect(problemsOf(lines)).toEqual(['chain_went_back']);
  });

  test('a newest checkpoint that is older than the hour in which one is due, when a server was running', () => {
    const exportedAt = '2026-03-01T13:06:00.000Z';
    expect(problemsOf(changeHeader({ exportedAt }))).toEqual(['checkpoint_old']);
    const offline = judge(changeHeader({ exportedAt, source: 'database' }));
    expect(offline.problems).toEqual([]);
    expect(offline.notes.join()).toContain('may have been cut off');
  });

  test('that a running server had noted a change behind its back', () => {
    const chain = buildChain([first]);
    chain.entry('audit_chain.broken', 'audit chain', { fault: 'entry 7 is gone' });
    chain.checkpoint(first);
    const [problem] = judge(chain.lines()).problems;
    expect(problem).toMatchObject({ kind: 'noted_by_server', position: 1 });
    expect(problem?.text).toContain('entry 7 is gone');
  });

  test('once of each kind, the first one, with its place', () => {
    const lines = aChain().map((line) => (isEntry(line) && line.position > 5 ? { ...line, actor: 'nobody' } : line));
    expect(judge(lines).problems).toEqual([
      { kind: 'entry_columns', position: 6, text: expect.stringContaining('Entry 6') },
    ]);
  });
});
