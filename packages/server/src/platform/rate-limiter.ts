// Sliding-window counters, one per key, in bounded memory. The estimate weighs the previous window by the part of it that
// still lies inside the last full window length, so a burst across a window's edge gets no double allowance.

import { LRUCache } from 'lru-cache';

export interface RateLimits {
  readonly perSecond: number;
  readonly perMinute: number;
}

export interface RateExceeded {
  readonly limit: number;
  readonly windowSeconds: number;
  /** Whole seconds after which one more is admitted, at least 1. */
  readonly retryAfterSeconds: number;
}

export interface RateLimiter {
  /** Counts one against `key`, or says which limit it would break. What is refused is not counted. */
  take(key: string, limits: RateLimits, now: number): RateExceeded | undefined;
  /** As take, but only looks. */
  peek(key: string, limits: RateLimits, now: number): RateExceeded | undefined;
  /**
   * As take, where only the future tells whether it counts: holds a place until `settle`. Held places count against the
   * minute only, because most of them are given back within a second.
   */
  reserve(key: string, limits: RateLimits, now: number): Reservation | RateExceeded;
  /** Gives the place back; `counts` takes one for it, which was admitted when the place was. */
  settle(reservation: Reservation, counts: boolean, now: number): void;
}

/** A limiter that also weighs what other nodes counted. */
export interface SharedRateLimiter extends RateLimiter {
  /** What was counted here for keys in use since they were last collected, the busiest first. */
  collect(mostKeys: number, now: number): CollectedCounts;
  /** Takes the place of what was known of the other nodes. */
  learn(counts: readonly KeyCounts[]): void;
  /** For what could not be told to the others: collects it again. */
  putBack(counts: readonly KeyCounts[]): void;
}

export interface CollectedCounts {
  readonly counts: readonly KeyCounts[];
  /** Keys that have to wait for the next time. */
  readonly leftOut: number;
}

/** The counts of one key, of this node or of all others together. */
export interface KeyCounts {
  readonly key: string;
  readonly second: WindowCounts;
  readonly minute: WindowCounts;
}

export interface WindowCounts {
  /** Which window of its length since the epoch `current` is of. */
  readonly index: number;
  readonly current: number;
  readonly previous: number;
}

interface Window {
  index: number;
  current: number;
  previous: number;
  /** Counted by the other nodes. */
  othersCurrent: number;
  othersPrevious: number;
}

interface Counter {
  readonly key: string;
  readonly second: Window;
  readonly minute: Window;
  /** Places held: for the minute as good as counted, until they are given back. */
  reserved: number;
  /** How often it was asked for since it was last collected. */
  asked: number;
}

/** What `settle` needs to find the place again; nothing for others to read. */
export type Reservation = Counter;

const secondMs = 1_000;
const minuteMs = 60_000;
/** A request is counted at most this long after it began. An older time than that is a clock that was set back. */
const latestMs = 60_000;
const defaultMaximumKeys = 50_000;

export function createRateLimiter(maximumKeys = defaultMaximumKeys): RateLimiter {
  return createLimiter(maximumKeys, undefined);
}

/** @param skewMs how far this clock is ahead of the one that all nodes share, whose windows are counted in */
export function createSharedRateLimiter(skewMs: () => number, maximumKeys = defaultMaximumKeys): SharedRateLimiter {
  return createLimiter(maximumKeys, skewMs);
}

function createLimiter(maximumKeys: number, skewMs: (() => number) | undefined): SharedRateLimiter {
  const waiting = new Set<Counter>();
  const counters = new LRUCache<string, Counter>({
    max: maximumKeys,
    dispose: (counter) => {
      // A place of it that is settled later must not bring it back beside its successor.
      counter.asked = 1;
      waiting.delete(counter);
    },
  });

  const counterOf = (key: string): Counter => {
    const known = counters.get(key);
    if (known !== undefined) return known;
    const fresh = { key, second: emptyWindow(), minute: emptyWindow(), reserved: 0, asked: 0 };
    counters.set(key, fresh);
    return fresh;
  };

  /** A refused request too: as long as somebody asks, the other nodes have to be listened to. */
  const note = (counter: Counter): void => {
    if (skewMs === undefined) return;
    if (counter.asked === 0) waiting.add(counter);
    counter.asked += 1;
  };

  const shared = (now: number): number => (skewMs === undefined ? now : now - skewMs());

  return {
    take: (key, limits, now) => {
      const counter = counterOf(key);
      note(counter);
      const refused = check(counter, limits, shared(now));
      if (refused === undefined) count(counter);
      return refused;
    },
    peek: (key, limits, now) => {
      const counter = counters.get(key);
      if (counter === undefined) return undefined;
      note(counter);
      return check(counter, limits, shared(now));
    },
    reserve: (key, limits, now) => {
      const counter = counterOf(key);
      note(counter);
      const refused = check(counter, limits, shared(now));
      if (refused !== undefined) return refused;
      counter.reserved += 1;
      return counter;
    },
    settle: (counter, counts, now) => {
      counter.reserved -= 1;
      note(counter);
      if (!counts) return;
      slideBoth(counter, shared(now));
      count(counter);
    },

    collect: (mostKeys, now) => {
      const all = [...waiting];
      if (all.length > mostKeys) all.sort((left, right) => right.asked - left.asked);
      const collected = all.slice(0, mostKeys);
      for (const counter of collected) {
        slideBoth(counter, shared(now));
        counter.asked = 0;
        // The minute of a place that is held goes on without anybody asking.
        if (counter.reserved === 0) waiting.delete(counter);
      }
      return { counts: collected.map(countsOf), leftOut: all.length - collected.length };
    },
    learn: (counts) => {
      for (const { key, second, minute } of counts) {
        const counter = counters.peek(key);
        if (counter === undefined) continue;
        learnWindow(counter.second, second);
        learnWindow(counter.minute, minute);
      }
    },
    putBack: (counts) => {
      for (const { key } of counts) {
        const counter = counters.peek(key);
        if (counter !== undefined) waiting.add(counter);
      }
    },
  };
}

function emptyWindow(): Window {
  return { index: 0, current: 0, previous: 0, othersCurrent: 0, othersPrevious: 0 };
}

function countsOf({ key, second, minute, reserved }: Counter): KeyCounts {
  return {
    key,
    second: { index: second.index, current: second.current, previous: second.previous },
    minute: { index: minute.index, current: minute.current + reserved, previous: minute.previous },
  };
}

/** Here the next window may have begun since the others were asked. */
function learnWindow(window: Window, { index, current, previous }: WindowCounts): void {
  if (index === window.index) {
    window.othersCurrent = current;
    window.othersPrevious = previous;
  } else if (index + 1 === window.index) {
    window.othersPrevious = current;
  }
}

function check(counter: Counter, limits: RateLimits, now: number): RateExceeded | undefined {
  slideBoth(counter, now);
  return (
    exceeded(counter.second, secondMs, limits.perSecond, 0, now) ??
    exceeded(counter.minute, minuteMs, limits.perMinute, counter.reserved, now)
  );
}

function count(counter: Counter): void {
  counter.second.current += 1;
  counter.minute.current += 1;
}

function slideBoth(counter: Counter, now: number): void {
  slide(counter.second, secondMs, now);
  slide(counter.minute, minuteMs, now);
}

/** Only forward: going back for a request that was slow to arrive would forget everything counted since it began. */
function slide(window: Window, lengthMs: number, now: number): void {
  const index = Math.floor(now / lengthMs);
  if (index === window.index) return;
  if (index < window.index && window.index * lengthMs - now <= latestMs) return;
  const isNext = index === window.index + 1;
  window.previous = isNext ? window.current : 0;
  window.othersPrevious = isNext ? window.othersCurrent : 0;
  window.current = 0;
  window.othersCurrent = 0;
  window.index = index;
}

function exceeded(
  window: Window,
  lengthMs: number,
  limit: number,
  reserved: number,
  now: number,
): RateExceeded | undefined {
  const elapsed = Math.max(0, now - window.index * lengthMs);
  const current = window.current + window.othersCurrent;
  const previous = window.previous + window.othersPrevious;
  const counted = previous * (1 - elapsed / lengthMs) + current;
  if (counted + reserved + 1 <= limit) return undefined;
  const waitMs = counted + 1 <= limit ? 0 : untilOneMore(current, previous, lengthMs, limit, elapsed);
  return { limit, windowSeconds: lengthMs / 1_000, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) };
}

/** With room in this window the previous one only has to fade; without, this window has to become the previous one first. */
function untilOneMore(current: number, previous: number, lengthMs: number, limit: number, elapsed: number): number {
  const room = limit - 1 - current;
  return room >= 0
    ? fadeMs(previous, room, lengthMs) - elapsed
    : lengthMs - elapsed + fadeMs(current, limit - 1, lengthMs);
}

/** How far into a window the `previous` one has faded to no more than `room`. */
function fadeMs(previous: number, room: number, lengthMs: number): number {
  return previous <= room ? 0 : (1 - room / previous) * lengthMs;
}
