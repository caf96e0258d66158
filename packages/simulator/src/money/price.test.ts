// Prices. The oracle is integer arithmetic on what the wire says, written another way round, and amounts worked out by hand.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { currencies, currencyOf } from './currencies.js';
import { formatDecimal, parseDecimal, toJsonNumber } from './decimal.js';
import { maximumAmount, parseAmount, toNumber } from './money.js';
import { type Price, priceOfSource, priceOfTarget, rateBetween } from './price.js';

const codes = [...currencies.keys()];
const currency = fc.constantFrom(...codes);
const scaleOf = (code: string): bigint => 10n ** BigInt(currencyOf(code).exponent);

/** What converted money is worth in the target currency, times the same factor as `inTarget`. */
const worth = ({ converted, target, rate }: Price): bigint =>
  converted.minorUnits * rate.digits * scaleOf(target.currency);
const inTarget = ({ converted, rate }: Price, minorUnits: bigint): bigint =>
  minorUnits * scaleOf(converted.currency) * 10n ** BigInt(rate.scale);

describe('decimals', () => {
  it('are read and written without loss', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 25n), 10n ** 25n), fc.nat(12), (digits, scale) => {
        expect(parseDecimal(formatDecimal({ digits, scale }))).toEqual({ digits, scale });
      }),
    );
    expect(formatDecimal({ digits: -5n, scale: 2 })).toBe('-0.05');
    for (const text of ['', '1.', '.5', '1e3', '+1', ' 1', '1,5', '0x10', 'NaN', 'Infinity', '1'.repeat(31)]) {
      expect(parseDecimal(text)).toBeUndefined();
    }
  });
});

describe('amounts', () => {
  it('[SIM-06] are read exactly, whatever a double makes of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: maximumAmount }), currency, (minorUnits, code) => {
        const value = minorUnits / 10 ** currencyOf(code).exponent;
        const amount = parseAmount(value, code);
        expect(amount).toEqual({ currency: code, minorUnits: BigInt(minorUnits) });
        expect(toNumber({ currency: code, minorUnits: BigInt(minorUnits) })).toBe(value);
      }),
    );
  });

  it('[SIM-07] are refused when they are not positive, too large, or finer than the currency', () => {
    for (const value of [0, -0, -1, -0.01, Number.NaN, Number.NEGATIVE_INFINITY]) {
      expect(parseAmount(value, 'EUR')).toBe('not positive');
    }
    for (const value of [maximumAmount + 0.01, 1e21, Number.MAX_VALUE, Number.POSITIVE_INFINITY]) {
      expect(parseAmount(value, 'EUR')).toBe('too large');
    }
    for (const value of [0.001, 1.005, 1e-7, Number.MIN_VALUE, 0.1 + 0.2]) {
      expect(parseAmount(value, 'EUR')).toBe('too many decimals');
    }
    expect(parseAmount(1.5, 'JPY')).toBe('too many decimals');
    expect(parseAmount(1.005, 'BHD')).toEqual({ currency: 'BHD', minorUnits: 1_005n });
  });
});

describe('prices', () => {
  it('are as worked out by hand', () => {
    const price = priceOfSource({ currency: 'GBP', minorUnits: 10_000n }, 'EUR');
    // 1 / 0.8436; 0.30 EUR are 25.308 pence; 99.74 / 1.005; 99.24 * 1.18539592 = 117.638...
    expect(price?.rate).toEqual({ digits: 118_539_592n, scale: 8 });
    expect([price?.fee.minorUnits, price?.converted.minorUnits, price?.target.minorUnits]).toEqual([
      76n,
      9_924n,
      11_763n,
    ]);
    const back = priceOfTarget('GBP', { currency: 'EUR', minorUnits: 11_763n });
    // 117.63 / 1.18539592 = 99.232..., half a percent of 99.24 is 49.62 pence
    expect([back.converted.minorUnits, back.fee.minorUnits, back.source.minorUnits]).toEqual([9_924n, 76n, 10_000n]);
  });

  it('[SIM-08] give what the rate on the wire says, rounded down to a minor unit, and lose nothing of the source', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 10n ** 11n), currency, currency, (minorUnits, from, to) => {
        const price = priceOfSource({ currency: from, minorUnits }, to);
        if (price === undefined) return;
        expect(price.converted.minorUnits + price.fee.minorUnits).toBe(minorUnits);
        expect(price.fee.minorUnits * 201n >= minorUnits).toBe(true);
        expect(inTarget(price, price.target.minorUnits) <= worth(price)).toBe(true);
        expect(inTarget(price, price.target.minorUnits + 1n) > worth(price)).toBe(true);
      }),
    );
  });

  it('[SIM-08] take just enough for a target, rounded up to a minor unit', () => {
    fc.assert(
      fc.property(fc.bigInt(1n, 10n ** 11n), currency, currency, (minorUnits, from, to) => {
        const price = priceOfTarget(from, { currency: to, minorUnits });
        expect(price.converted.minorUnits + price.fee.minorUnits).toBe(price.source.minorUnits);
        expect(worth(price) >= inTarget(price, minorUnits)).toBe(true);
        const less = { ...price, converted: { ...price.converted, minorUnits: price.converted.minorUnits - 1n } };
        expect(worth(less) < inTarget(less, minorUnits)).toBe(true);
      }),
    );
  });

  it('are refused when nothing would arrive', () => {
    expect(priceOfSource({ currency: 'EUR', minorUnits: 30n }, 'GBP')).toBeUndefined();
    expect(priceOfSource({ currency: 'IDR', minorUnits: 600_000n }, 'BHD')).toBeDefined();
  });

  it('have a rate for every pair, which is one for a currency and itself', () => {
    for (const from of codes) {
      for (const to of codes) expect(toJsonNumber(rateBetween(from, to))).toBeGreaterThan(0);
      expect(toJsonNumber(rateBetween(from, from))).toBe(1);
    }
  });
});
