// Durations as people type and read them.

import { InvalidArgumentError } from 'commander';

const unitSeconds = new Map([
  ['s', 1],
  ['m', 60],
  ['h', 3_600],
  ['d', 86_400],
]);

/** `30s`, `15m`, `24h` and `7d` in seconds; undefined for what is no such text. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = /^(\d{1,7})([smhd])$/.exec(text) ?? [];
  const seconds = unitSeconds.get(unit ?? '');
  return digits === undefined || seconds === undefined ? undefined : Number(digits) * seconds;
}

/** An option's value in seconds. The limits are those of the management API, said here in the words of the command line. */
export function durationWithin(least: string, most: string): (text: string) => number {
  const [leastSeconds = 0, mostSeconds = 0] = [parseDuration(least), parseDuration(most)];
  return (text) => {
    const seconds = parseDuration(text);
    if (seconds !== undefined && seconds >= leastSeconds && seconds <= mostSeconds) return seconds;
    throw new InvalidArgumentError(
      `It must be a whole number with a unit, such as 30s, 15m, 24h or 7d, between ${least} and ${most}.`,
    );
  };
}

/** `90 seconds`, `3 minutes`, `26 hours`, `2 days`: whole units, rounded down. */
export function describeDuration(seconds: number): string {
  const inUnits = (count: number, unit: string) => `${count} ${unit}${count === 1 ? '' : 's'}`;
  if (seconds < 120) return inUnits(Math.floor(seconds), 'second');
  if (seconds < 7_200) return inUnits(Math.floor(seconds / 60), 'minute');
  if (seconds < 172_800) return inUnits(Math.floor(seconds / 3_600), 'hour');
  return inUnits(Math.floor(seconds / 86_400), 'day');
}

/** The clock of the server may be a little ahead of this one. */
export function describeAgo(time: Date, now: number): string {
  const seconds = (now - time.getTime()) / 1_000;
  return seconds < 1 ? 'just now' : `${describeDuration(seconds)} ago`;
}
