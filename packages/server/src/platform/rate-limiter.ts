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
}

interface Window {
  index: number;
  current: number;
  previous: number;
}

interface Counter {
  readonly second: Window;
  readonly minute: Window;
}

const secondMs = 1_000;
const minuteMs = 60_000;

export function createRateLimiter(maximumKeys = 50_000): RateLimiter {
  const counters = new LRUCache<string, Counter>({ max: maximumKeys });

  const counterOf = (key: string): Counter => {
    const known = counters.get(key);
    if (known !== undefined) return known;
    const fresh = { second: { index: 0, current: 0, previous: 0 }, minute: { index: 0, current: 0, previous: 0 } };
    counters.set(key, fresh);
    return fresh;
  };

  const check = (counter: Counter, limits: RateLimits, now: number): RateExceeded | undefined => {
    slide(counter.second, secondMs, now);
    slide(counter.minute, minuteMs, now);
    return (
      exceeded(counter.second, secondMs, limits.perSecond, now) ??
      exceeded(counter.minute, minuteMs, limits.perMinute, now)
    );
  };

  return {
    take: (key, limits, now) => {
      const counter = counterOf(key);
      const refused = check(counter, limits, now);
      if (refused !== undefined) return refused;
      counter.second.current += 1;
      counter.minute.current += 1;
      return undefined;
    },
    peek: (key, limits, now) => {
      const counter = counters.get(key);
      return counter === undefined ? undefined : check(counter, limits, now);
    },
  };
}

function slide(window: Window, lengthMs: number, now: number): void {
  const index = Math.floor(now / lengthMs);
  if (index === window.index) return;
  window.previous = index === window.index + 1 ? window.current : 0;
  window.current = 0;
  window.index = index;
}

function exceeded(window: Window, lengthMs: number, limit: number, now: number): RateExceeded | undefined {
  const elapsed = now - window.index * lengthMs;
  const estimate = window.previous * (1 - elapsed / lengthMs) + window.current;
  if (estimate + 1 <= limit) return undefined;
  // With room in this window the previous one only has to fade; without, this window has to become the previous one first.
  const room = limit - 1 - window.current;
  const waitMs =
    room >= 0
      ? fadeMs(window.previous, room, lengthMs) - elapsed
      : lengthMs - elapsed + fadeMs(window.current, limit - 1, lengthMs);
  return { limit, windowSeconds: lengthMs / 1_000, retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) };
}

/** How far into a window the `previous` one has faded to no more than `room`. */
function fadeMs(previous: number, room: number, lengthMs: number): number {
  return previous <= room ? 0 : (1 - room / previous) * lengthMs;
}
