// Rates and prices. What the rate on the wire says is exactly what is calculated with, and every rounding is stated.

import { currencyOf } from './currencies.js';
import { type Decimal, divideDown, divideUp, parseDecimal } from './decimal.js';
import type { Money } from './money.js';

const rateScale = 8;

const powerOfTen = (exponent: number): bigint => 10n ** BigInt(exponent);

/** What one unit of `source` buys of `target`: the two rates against the euro, divided and rounded down to 8 decimals. */
export function rateBetween(source: string, target: string): Decimal {
  const from = perEuro(source);
  const to = perEuro(target);
  const numerator = to.digits * powerOfTen(from.scale + rateScale);
  return { digits: divideDown(numerator, from.digits * powerOfTen(to.scale)), scale: rateScale };
}

export interface Price {
  /** What is taken: `converted` and `fee`. */
  readonly source: Money;
  readonly fee: Money;
  readonly converted: Money;
  readonly target: Money;
  readonly rate: Decimal;
}

/** Of an amount that is taken. The fee comes out of it, and the target is rounded down. Undefined: nothing would arrive. */
export function priceOfSource(source: Money, targetCurrency: string): Price | undefined {
  const rate = rateBetween(source.currency, targetCurrency);
  const fixed = fixedFee(source.currency);
  const converted = divideDown((source.minorUnits - fixed) * perMille, perMille + feePerMille);
  const target = divideDown(converted * rate.digits * scaleUp(targetCurrency), scaleDown(source.currency));
  if (converted <= 0n || target <= 0n) return undefined;
  return {
    source,
    fee: { currency: source.currency, minorUnits: source.minorUnits - converted },
    converted: { currency: source.currency, minorUnits: converted },
    target: { currency: targetCurrency, minorUnits: target },
    rate,
  };
}

/** Of an amount that has to arrive. What it takes is rounded up, and the fee comes on top. */
export function priceOfTarget(sourceCurrency: string, target: Money): Price {
  const rate = rateBetween(sourceCurrency, target.currency);
  const converted = divideUp(target.minorUnits * scaleDown(sourceCurrency), rate.digits * scaleUp(target.currency));
  const fee = fixedFee(sourceCurrency) + divideUp(converted * feePerMille, perMille);
  return {
    source: { currency: sourceCurrency, minorUnits: converted + fee },
    fee: { currency: sourceCurrency, minorUnits: fee },
    converted: { currency: sourceCurrency, minorUnits: converted },
    target,
    rate,
  };
}

const perMille = 1000n;
const feePerMille = 5n;
const scaleUp = (currency: string): bigint => powerOfTen(currencyOf(currency).exponent);
const scaleDown = (currency: string): bigint => powerOfTen(currencyOf(currency).exponent + rateScale);

/** 0.30 EUR, rounded up. */
function fixedFee(currency: string): bigint {
  const rate = perEuro(currency);
  return divideUp(3n * rate.digits * powerOfTen(currencyOf(currency).exponent), powerOfTen(rate.scale + 1));
}

function perEuro(currency: string): Decimal {
  const rate = parseDecimal(currencyOf(currency).perEuro);
  if (rate === undefined) throw new Error(`the rate of ${currency} is no decimal`);
  return rate;
}
