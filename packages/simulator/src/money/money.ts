// Amounts: whole minor units of a currency inside, JSON numbers on the wire.

import { currencyOf } from './currencies.js';
import { formatDecimal, parseDecimal, toJsonNumber } from './decimal.js';

export interface Money {
  readonly currency: string;
  readonly minorUnits: bigint;
}

export interface WireMoney {
  readonly value: number;
  readonly currency: string;
}

/** The most that one request may move, in whole units of any currency. */
export const maximumAmount = 1_000_000_000;

export type AmountProblem = 'not positive' | 'too large' | 'too many decimals';

export function parseAmount(value: number, currency: string): Money | AmountProblem {
  if (!(value > 0)) return 'not positive';
  if (value > maximumAmount) return 'too large';
  // Below a millionth the text has an exponent, and no currency has that many decimals.
  const decimal = parseDecimal(String(value));
  const { exponent } = currencyOf(currency);
  if (decimal === undefined || decimal.scale > exponent) return 'too many decimals';
  return { currency, minorUnits: decimal.digits * 10n ** BigInt(exponent - decimal.scale) };
}

export function toNumber({ currency, minorUnits }: Money): number {
  return toJsonNumber({ digits: minorUnits, scale: currencyOf(currency).exponent });
}

export function toText({ currency, minorUnits }: Money): string {
  return formatDecimal({ digits: minorUnits, scale: currencyOf(currency).exponent });
}

export function toWire(money: Money): WireMoney {
  return { value: toNumber(money), currency: money.currency };
}
