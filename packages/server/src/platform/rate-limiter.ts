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

interface Window {
  index: number;
  current: number;
  previous: number;
}

interface Counter {
  readonly second: Window;
  readonly minute: Window;
  /** Places held: for the minute as good as counted, until they are given back. */
  reserved: number;
}

/** What `settle` needs to find the place again; nothing for others to read. */
export type Reservation = Counter;

const secondMs = 1_000;
const minuteMs = 60_000;
/** A request is counted at most this long after it began. An older time than that is a clock that was set back. */
const latestMs = 60_000;

export function createRateLimiter(maximumKeys = 50_000): RateLimiter {
  const counters = new LRUCache<string, Counter>({ max: maximumKeys });

  const counterOf = (key: string): Counter => {
    const known = counters.get(key);
    if (known !== undefined) return known;
    const fresh = {
      second: { index: 0, current: 0, previous: 0 },
      minute: { index: 0, current: 0, previous: 0 },
      reserved: 0,
    };
    counters.set(key, fresh);
    return fresh;
  };

  return {
    take: (key, limits, now) => {
      const counter = counterOf(key);
      const refused = check(counter, limits, now);
      if (refused === undefined) count(counter);
      return refused;
    },
    peek: (key, limits, now) => {
      const counter = counters.get(key);
      return counter === undefined ? undefined : check(counter, limits, now);
    },
    reserve: (key, limits, now) => {
      const counter = counterOf(key);
      const refused = check(counter, limits, now);
      if (refused !== undefined) return refused;
      counter.reserved += 1;
      return counter;
    },
    settle: (counter, counts, now) => {
      counter.reserved -= 1;
      if (!counts) return;
      slide(counter.second, secondMs, now);
      slide(counter.minute, minuteMs, now);
      count(counter);
    },
  };
}

function check(counter: Counter, limits: RateLimits, now: number): RateExceeded | undefined {
  slide(counter.second, secondMs, now);
  slide(counter.minute, minuteMs, now);
  return (
    exceeded(counter.second, secondMs, limits.perSecond, 0, now) ??
    exceeded(counter.minute, minuteMs, limits.perMinute, counter.reserved, now)
  );
}

function count(counter: Counter): void {
  counter.second.current += 1;
  counter.minute.current += 1;
}

/** Only forward: going back for a request that was slow to arrive would forget everything counted since it began. */
function slide(window: Window, lengthMs: number, now: number): void {
  const index = Math.floor(now / lengthMs);
  if (index === window.index) return;
  if (index < window.index && window.index * lengthMs - now <= latestMs) return;
  window.previous = index === window.index + 1 ? window.current : 0;
  window.current = 0;
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
  const counted = window.previous * (1 - elapsed / lengthMs) + window.current;
  if (counted + reserved + 1 <= limit) return undefined;
  const waitMs = counted + 1 <= limit ? 0 : untilOneMore(window, lengthMs, limit, elapsed);
  return { limit, windowSeconds: lengthMs / 1_000, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) };
}

/** With room in this window the previous one only has to fade; without, this window has to become the previous one first. */
function untilOneMore({ previous, current }: Window, lengthMs: number, limit: number, elapsed: number): number {
  const room = limit - 1 - current;
  return room >= 0
    ? fadeMs(previous, room, lengthMs) - elapsed
    : lengthMs - elapsed + fadeMs(current, limit - 1, lengthMs);
}

/** How far into a window the `previous` one has faded to no more than `room`. */
function fadeMs(previous: number, room: number, lengthMs: number): number {
  return previous <= room ? 0 : (1 - room / previous) * lengthMs;
}
