// Values of options, of which programs without types may give anything.

import { ConfigurationError } from './errors.js';

/** Longer ones fire at once (setTimeout). */
export const maximumTimerMs = 2_147_483_647;

export interface NumberRange {
  readonly from: number;
  readonly to: number;
  readonly whole?: boolean;
}

/** @throws ConfigurationError */
export function readNumber(
  given: unknown,
  otherwise: number,
  name: string,
  { from, to, whole = false }: NumberRange,
): number {
  if (given === undefined) return otherwise;
  if (typeof given === 'number' && given >= from && given <= to && (!whole || Number.isInteger(given))) return given;
  throw new ConfigurationError(`${name} has to be a ${whole ? 'whole ' : ''}number from ${from} to ${to}`);
}

/** @throws ConfigurationError */
export function readBoolean(given: unknown, otherwise: boolean, name: string): boolean {
  if (given === undefined) return otherwise;
  if (typeof given === 'boolean') return given;
  throw new ConfigurationError(`${name} has to be true or false`);
}

/** @throws ConfigurationError */
export function readFunction<F>(given: F | undefined, name: string): F | undefined {
  if (given === undefined || typeof given === 'function') return given;
  throw new ConfigurationError(`${name} has to be a function`);
}

/** In milliseconds. @throws ConfigurationError */
export function readMinimumRemaining(seconds: number | undefined, name: string): number | undefined {
  return seconds === undefined ? undefined : readNumber(seconds, 0, name, { from: 0, to: 1e9 }) * 1000;
}

/** @throws ConfigurationError */
export function readTimeout(given: number | undefined, otherwise: number, name: string): number {
  return readNumber(given, otherwise, name, { from: 1, to: maximumTimerMs });
}

/** @throws ConfigurationError for something that is no object, or has a member nobody would read */
export function refuseUnknown(given: unknown, names: readonly string[], where: string): void {
  if (typeof given !== 'object' || given === null) throw new ConfigurationError(`${where} has to be an object`);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ConfigurationError(`${where} has no member "${unknown}". Known are: ${names.join(', ')}`);
  }
}
