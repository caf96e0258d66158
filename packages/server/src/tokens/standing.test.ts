import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ClientFacts } from '../clients/index.js';
import { DatabaseUnavailableError } from '../platform/database/database-errors.js';
import { clientId, fakeDatabase, someClient, someTime } from '../testing/facts.js';
import { createStanding } from './standing.js';

interface PendingRead {
  answer(client: ClientFacts | undefined): void;
  fail(error: Error): void;
}

/** Standing over a database whose reads a test answers one by one, in any order. */
function standingOnHand(maximumClients = 10) {
  const reads: PendingRead[] = [];
  const time = { now: someTime };
  const feed = { fresh: true };
  const reasons: string[] = [];
  const database = fakeDatabase({
    readUrgently: <T>() =>
      new Promise<unknown>((resolve, reject) => {
        reads.push({ answer: resolve, fail: reject });
      }) as Promise<T>,
  });
  const standing = createStanding({
    database,
    clock: () => time.now,
    isFresh: () => feed.fresh,
    onRead: (reason) => void reasons.push(reason),
    maximumClients,
  });
  /** Answers the oldest read that waits. */
  const answer = (client: ClientFacts | undefined) => reads.shift()?.answer(client);
  return { standing, reads, time, feed, reasons, answer };
}

describe('standing', () => {
  // A read that a test leaves unanswered would otherwise give up a second later, in the middle of some other test file.
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('reads a client once and then answers at once', async () => {
    const { standing, reads, answer } = standingOnHand();
    const client = someClient();
    const first = standing.get('sandbox', clientId);
    answer(client);
    expect(await first).toBe(client);
    expect(standing.get('sandbox', clientId)).toBe(client);
    expect(reads).toHaveLength(0);
  });

  test('keeps the environments apart', async () => {
    const { standing, reads, answer } = standingOnHand();
    const sandbox = standing.get('sandbox', clientId);
    answer(someClient());
    await sandbox;
    expect(standing.get('production', clientId)).toBeInstanceOf(Promise);
    expect(reads).toHaveLength(1);
  });

  test('sends one read for any number of callers at the same time', async () => {
    const { standing, reads, answer } = standingOnHand();
    const client = someClient();
    const callers = [
      standing.get('sandbox', clientId),
      standing.confirm('sandbox', clientId),
      standing.get('sandbox', clientId),
    ];
    expect(reads).toHaveLength(1);
    answer(client);
    expect(await Promise.all(callers.map(async (caller) => caller))).toEqual([client, client, client]);
  });

  test('asks the database again to confirm a no, but at most twenty times a second', async () => {
    const { standing, reads, time, answer } = standingOnHand();
    const before = someClient();
    const after = someClient({ generation: 6 });
    const first = standing.get('sandbox', clientId);
    answer(before);
    await first;

    time.now += 49;
    expect(await standing.confirm('sandbox', clientId), 'within the pause').toBe(before);
    expect(reads).toHaveLength(0);

    time.now += 1;
    const confirmed = standing.confirm('sandbox', clientId);
    expect(reads).toHaveLength(1);
    answer(after);
    expect(await confirmed).toBe(after);
    expect(standing.get('sandbox', clientId), 'what was confirmed is what is known').toBe(after);
  });

  test('counts the pause from when the read was sent, because that is how old its answer is', async () => {
    const { standing, reads, time, answer } = standingOnHand();
    const first = standing.get('sandbox', clientId);
    time.now += 1_000;
    answer(someClient());
    await first;
    void standing.confirm('sandbox', clientId);
    expect(reads).toHaveLength(1);
  });

  test('confirms an unknown client again after the pause, so that a new one is not refused for long', async () => {
    const { standing, time, answer } = standingOnHand();
    const client = someClient();
    const first = standing.get('sandbox', clientId);
    answer(undefined);
    expect(await first).toBeUndefined();
    time.now += 1_000;
    const confirmed = standing.confirm('sandbox', clientId);
    answer(client);
    expect(await confirmed).toBe(client);
  });

  test('reads again after an invalidation, inside the pause too', async () => {
    const { standing, reads, answer } = standingOnHand();
    const first = standing.get('sandbox', clientId);
    answer(someClient());
    await first;
    standing.invalidate('sandbox', clientId);
    const revoked = someClient({ revokedAt: someTime });
    const again = standing.confirm('sandbox', clientId);
    expect(reads).toHaveLength(1);
    answer(revoked);
    expect(await again).toBe(revoked);
  });

  test('never keeps the answer of a read that began before an invalidation', async () => {
    const { standing, reads, answer } = standingOnHand();
    const stale = someClient();
    const fresh = someClient({ revokedAt: someTime });
    const early = standing.get('sandbox', clientId);
    standing.invalidate('sandbox', clientId);
    const late = standing.get('sandbox', clientId);
    expect(reads, 'a caller after the invalidation does not join the early read').toHaveLength(2);

    // The early read comes back last, when the fresh answer is already known.
    const [earlyRead, lateRead] = reads;
    lateRead?.answer(fresh);
    expect(await late).toBe(fresh);
    earlyRead?.answer(stale);
    await early;
    expect(standing.get('sandbox', clientId)).toBe(fresh);
    expect(reads).toHaveLength(2);
    answer(undefined);
  });

  test('does not let a spoiled read that comes back first end the single flight of the later one', async () => {
    const { standing, reads } = standingOnHand();
    const early = standing.get('sandbox', clientId);
    standing.invalidate('sandbox', clientId);
    const late = standing.get('sandbox', clientId);
    const [earlyRead, lateRead] = reads;
    earlyRead?.answer(someClient());
    await early;
    const joined = standing.get('sandbox', clientId);
    expect(reads).toHaveLength(2);
    const fresh = someClient({ generation: 6 });
    lateRead?.answer(fresh);
    expect(await Promise.all([late, joined])).toEqual([fresh, fresh]);
  });

  test('passes a fault on to everybody who waited, remembers nothing of it and tries again', async () => {
    const { standing, reads, answer } = standingOnHand();
    const waiting = [standing.get('sandbox', clientId), standing.confirm('sandbox', clientId)];
    reads.shift()?.fail(new Error('the database is away'));
    for (const caller of waiting) await expect(caller).rejects.toThrow('away');
    const again = standing.get('sandbox', clientId);
    const client = someClient();
    answer(client);
    expect(await again).toBe(client);
  });

  test('keeps a bounded number of clients', async () => {
    const { standing, reads, answer } = standingOnHand(2);
    for (const id of ['a', 'b', 'c']) {
      const reading = standing.get('sandbox', id);
      answer(someClient({ id }));
      await reading;
    }
    expect(standing.get('sandbox', 'c')).toMatchObject({ id: 'c' });
    expect(standing.get('sandbox', 'a')).toBeInstanceOf(Promise);
    expect(reads).toHaveLength(1);
  });

  test('asks the database for everybody while the feed is not fresh, cached or not, and believes the cache again afterwards', async () => {
    const { standing, reads, feed, reasons, answer } = standingOnHand();
    const first = standing.get('sandbox', clientId);
    const client = someClient();
    answer(client);
    await first;
    feed.fresh = false;
    const again = standing.get('sandbox', clientId);
    expect(again).toBeInstanceOf(Promise);
    const revoked = someClient({ revokedAt: someTime });
    answer(revoked);
    expect(await again).toBe(revoked);
    const confirmed = standing.confirm('sandbox', clientId);
    expect(reads, 'inside the pause of confirmations too').toHaveLength(1);
    answer(revoked);
    expect(await confirmed).toBe(revoked);
    feed.fresh = true;
    expect(standing.get('sandbox', clientId)).toBe(revoked);
    expect(reasons).toEqual(['miss', 'stale', 'stale']);
  });

  test('answers nobody while the feed is not fresh and the database is away', async () => {
    const { standing, reads, feed, answer } = standingOnHand();
    const first = standing.get('sandbox', clientId);
    answer(someClient());
    await first;
    feed.fresh = false;
    const away = standing.get('sandbox', clientId);
    reads[0]?.fail(new DatabaseUnavailableError('the connection was refused'));
    await expect(away).rejects.toThrow(DatabaseUnavailableError);
  });

  test('gives up on a database that does not answer within a second', async () => {
    const { standing } = standingOnHand();
    const waiting = standing.get('sandbox', clientId);
    const settled = expect(waiting).rejects.toThrow('it did not answer within a second');
    await vi.advanceTimersByTimeAsync(1_000);
    await settled;
    expect(standing.get('sandbox', clientId), 'the next caller asks anew').not.toBe(waiting);
  });

  test('forgets everybody when changes may have been missed, and spoils reads that began before', async () => {
    const { standing, reads, answer } = standingOnHand();
    const first = standing.get('sandbox', clientId);
    answer(someClient());
    await first;
    const early = standing.get('production', clientId);
    standing.clear();
    answer(someClient());
    await early;
    expect(standing.get('sandbox', clientId)).toBeInstanceOf(Promise);
    expect(standing.get('production', clientId)).toBeInstanceOf(Promise);
    expect(reads).toHaveLength(2);
  });

  test('client ids that strangers make up push no client out of the cache', async () => {
    const { standing, reads, answer } = standingOnHand(1);
    const first = standing.get('sandbox', clientId);
    const client = someClient();
    answer(client);
    await first;
    for (const id of ['made up', 'made up too']) {
      const reading = standing.get('sandbox', id);
      answer(undefined);
      expect(await reading).toBeUndefined();
    }
    expect(standing.get('sandbox', clientId)).toBe(client);
    expect(reads).toHaveLength(0);
  });
});
