import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRateLimiter, createSharedRateLimiter, type KeyCounts } from './rate-limiter.js';

const limits = { perSecond: 10, perMinute: 100 };

describe('the rate limiter', () => {
  it('admits the limit and refuses the next', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) expect(limiter.take('a', limits, 5_000)).toBeUndefined();
    expect(limiter.take('a', limits, 5_000)).toMatchObject({ limit: 10, windowSeconds: 1 });
    expect(limiter.take('b', limits, 5_000), 'another key has its own allowance').toBeUndefined();
  });

  it('gives no double allowance to a burst across a window edge', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 5_990);
    const admitted = Array.from({ length: 20 }, () => limiter.take('a', limits, 6_010)).filter((x) => x === undefined);
    expect(admitted.length).toBeLessThanOrEqual(1);
  });

  it('never admits more than a limit within any window of its length, and keeps its promise of when to retry', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(gaps, (steps) => {
        const limiter = createRateLimiter();
        const admitted: number[] = [];
        let now = 1_000_000;
        for (const step of steps) {
          now += step;
          const refused = limiter.peek('a', limits, now);
          if (limiter.take('a', limits, now) === undefined) {
            expect(refused).toBeUndefined();
            admitted.push(now);
            const fixedSecond = admitted.filter((at) => Math.floor(at / 1_000) === Math.floor(now / 1_000));
            const fixedMinute = admitted.filter((at) => Math.floor(at / 60_000) === Math.floor(now / 60_000));
            expect(fixedSecond.length).toBeLessThanOrEqual(limits.perSecond);
            expect(fixedMinute.length).toBeLessThanOrEqual(limits.perMinute);
          } else {
            const again = now + (refused?.retryAfterSeconds ?? 0) * 1_000;
            const other = limiter.peek('a', limits, again);
            expect(other?.windowSeconds, 'the window that refused lets one pass by then').not.toBe(
              refused?.windowSeconds,
            );
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it('forgets nothing for a request that was slow to arrive', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 65_500);
    for (const begun of [64_999, 59_999, 35_500]) {
      expect(limiter.take('a', limits, begun), 'counted where the others are').toMatchObject({ windowSeconds: 1 });
      expect(limiter.take('a', limits, 65_500)).toMatchObject({ windowSeconds: 1 });
    }
    const perMinute = { perSecond: 1_000, perMinute: 10 };
    expect(limiter.take('a', perMinute, 59_999)).toMatchObject({ windowSeconds: 60 });
    expect(limiter.take('a', perMinute, 65_500)).toMatchObject({ windowSeconds: 60 });
  });

  it('starts again when the clock was set back, instead of refusing until it is where it was', () => {
    const limiter = createRateLimiter();
    const dayMs = 86_400_000;
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, dayMs);
    expect(limiter.take('a', limits, 1_000)).toBeUndefined();
    for (let count = 0; count < 9; count += 1) limiter.take('a', limits, 1_000);
    expect(limiter.take('a', limits, 1_000)).toMatchObject({ limit: 10 });
  });

  it('holds places against the minute only, and gives back what did not count', () => {
    const limiter = createRateLimiter();
    const reserve = (now: number) => limiter.reserve('a', limits, now);
    const held = Array.from({ length: 100 }, () => reserve(5_000)).filter((place) => 'reserved' in place);
    expect(held, 'ten times what a second allows').toHaveLength(100);
    const full = { limit: 100, windowSeconds: 60, retryAfterSeconds: 1 };
    expect(reserve(5_000)).toEqual(full);
    expect(limiter.peek('a', limits, 9_000), 'however long they take').toEqual(full);
    for (const [index, place] of held.entries()) limiter.settle(place, index < 4, 9_000);
    const places = Array.from({ length: 10 }, () => limiter.take('a', limits, 9_000));
    expect(places.filter((refused) => refused === undefined)).toHaveLength(6);
  });

  it('reserves nothing once as many failed as a second allows', () => {
    const limiter = createRateLimiter();
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 5_000);
    expect(limiter.reserve('a', limits, 5_000)).toMatchObject({ limit: 10, windowSeconds: 1 });
  });

  it('forgets the least used key when its memory is full', () => {
    const limiter = createRateLimiter(2);
    for (let count = 0; count < 10; count += 1) limiter.take('a', limits, 0);
    limiter.take('b', limits, 0);
    limiter.take('c', limits, 0);
    expect(limiter.take('a', limits, 0)).toBeUndefined();
  });
});

describe('rate limiters of several nodes', () => {
  type Limiter = ReturnType<typeof createSharedRateLimiter>;

  const start = 1_200_000;
  const turnMs = 125;
  const noCounts = { index: 0, current: 0, previous: 0 };

  const isSameWindow = (left: number, right: number, lengthMs: number): boolean =>
    Math.floor(left / lengthMs) === Math.floor(right / lengthMs);
  const countedIn = ({ index, current, previous }: KeyCounts['second'], wanted: number): number =>
    wanted === index ? current : wanted === index - 1 ? previous : 0;

  /** What the database does for the limiters of several nodes. */
  const aTable = () => {
    const rows = new Map<Limiter, KeyCounts>();
    return (limiter: Limiter, now: number): void => {
      const [mine] = limiter.collect(1, now).counts;
      if (mine === undefined) return;
      rows.set(limiter, mine);
      const others = [...rows].filter(([writer]) => writer !== limiter).map(([, counts]) => counts);
      const sumOf = (window: 'second' | 'minute') => {
        const { index } = mine[window];
        const sum = (wanted: number) => others.reduce((total, counts) => total + countedIn(counts[window], wanted), 0);
        return { index, current: sum(index), previous: sum(index - 1) };
      };
      limiter.learn([{ key: mine.key, second: sumOf('second'), minute: sumOf('minute') }]);
    };
  };

  it('[RATE-13] together never admit more than the limit and what the other nodes admit in 250 ms', () => {
    const busy = { perSecond: 40, perMinute: 150 };
    const arrival = fc.record({ gapMs: fc.nat(60), node: fc.nat(3), burst: fc.integer({ min: 1, max: 4 }) });
    const arrivals = fc.array(arrival, { minLength: 150, maxLength: 400, size: 'max' });
    const phases = fc.array(fc.nat(turnMs - 1), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(arrivals, phases, (steps, offsets) => {
        const exchange = aTable();
        const nodes = offsets.map((offset) => ({
          limiter: createSharedRateLimiter(() => 0),
          turnAt: start + offset,
          admitted: [] as number[],
        }));
        let now = start;
        for (const { gapMs, node: chosen, burst } of steps) {
          now += gapMs;
          for (const node of nodes.toSorted((left, right) => left.turnAt - right.turnAt)) {
            if (node.turnAt > now) continue;
            exchange(node.limiter, node.turnAt);
            node.turnAt += turnMs;
          }
          const node = nodes[chosen % nodes.length];
          for (let count = 0; count < burst; count += 1) {
            if (node?.limiter.take('a', busy, now) === undefined) node?.admitted.push(now);
          }
        }
        const all = nodes.flatMap(({ admitted }) => admitted);
        const most = Math.max(
          ...nodes.flatMap(({ admitted }) =>
            admitted.map((from) => admitted.filter((at) => at >= from && at < from + 250).length),
          ),
        );
        const mostIn = (lengthMs: number): number =>
          Math.max(...all.map((at) => all.filter((other) => isSameWindow(at, other, lengthMs)).length));
        expect(mostIn(1_000)).toBeLessThanOrEqual(busy.perSecond + (nodes.length - 1) * most);
        expect(mostIn(60_000)).toBeLessThanOrEqual(busy.perMinute + (nodes.length - 1) * most);
      }),
      { numRuns: 40 },
    );
  });

  it('listen to the others as long as somebody asks, be it in vain', () => {
    const limiter = createSharedRateLimiter(() => 0);
    limiter.take('a', limits, start);
    const usedUp = { index: start / 60_000, current: 99, previous: 0 };
    for (const asking of ['take', 'peek', 'reserve'] as const) {
      const [mine] = limiter.collect(1, start).counts;
      if (mine === undefined) throw new Error(`before ${asking}: nothing to collect`);
      limiter.learn([{ ...mine, minute: usedUp }]);
      expect(limiter.collect(1, start).counts).toEqual([]);
      expect(limiter[asking]('a', limits, start)).toMatchObject({ limit: 100, windowSeconds: 60 });
    }
  });

  it('weigh what the others counted also when the next window begins during the exchange', () => {
    const limiter = createSharedRateLimiter(() => 0);
    limiter.take('a', limits, start);
    const [mine] = limiter.collect(1, start).counts;
    if (mine === undefined) throw new Error('nothing was collected');
    limiter.take('a', limits, start + 1_000);
    limiter.learn([{ ...mine, second: { index: start / 1_000, current: 7, previous: 50 } }]);
    const places = Array.from({ length: 10 }, () => limiter.take('a', limits, start + 1_000));
    expect(
      places.filter((refused) => refused === undefined),
      '1 and 7 of the second before, 1 of this',
    ).toHaveLength(1);
  });

  it('collect the busiest keys first, and the others before long', () => {
    const limiter = createSharedRateLimiter(() => 0);
    for (const key of ['a', 'b', 'b', 'c', 'c', 'c', 'd']) limiter.take(key, limits, start);
    const collect = () => {
      const { counts, leftOut } = limiter.collect(2, start);
      return [counts.map(({ key }) => key), leftOut];
    };
    expect(collect()).toEqual([['c', 'b'], 2]);
    limiter.take('c', limits, start);
    limiter.take('d', limits, start);
    expect(collect(), 'what waits gets nearer with every request').toEqual([['d', 'a'], 1]);
    expect(collect()).toEqual([['c'], 0]);
  });

  it('forget a key that has no room any more, and what is settled for it later', () => {
    const limiter = createSharedRateLimiter(() => 0, 1);
    const place = limiter.reserve('a', limits, start);
    limiter.collect(1, start);
    limiter.take('b', limits, start);
    limiter.take('a', limits, start);
    if ('reserved' in place) limiter.settle(place, true, start);
    expect(limiter.collect(10, start).counts.map(({ key, minute }) => [key, minute.current])).toEqual([['a', 1]]);
    limiter.learn([{ key: 'b', second: noCounts, minute: noCounts }]);
    limiter.putBack([{ key: 'b', second: noCounts, minute: noCounts }]);
    expect(limiter.collect(10, start).counts).toEqual([]);
  });

  it('[RATE-14] tell of a held place until it is given back, and of nothing else that nobody asks for', () => {
    const limiter = createSharedRateLimiter(() => 0);
    const place = limiter.reserve('a', limits, start);
    limiter.take('b', limits, start);
    const collected = (now: number) =>
      limiter.collect(10, now).counts.map(({ key, minute }) => [key, minute.current, minute.previous]);
    expect(collected(start)).toEqual([
      ['a', 1, 0],
      ['b', 1, 0],
    ]);
    expect(collected(start + 60_000)).toEqual([['a', 1, 0]]);
    if ('reserved' in place) limiter.settle(place, false, start + 60_000);
    expect(collected(start + 60_000)).toEqual([['a', 0, 0]]);
    expect(collected(start + 60_000)).toEqual([]);
  });
});
