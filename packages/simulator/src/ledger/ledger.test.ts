import { describe, expect, it } from 'vitest';
import { accounts, emptyLedger, moved, type Posting, post, sumOf } from './ledger.js';

const aPosting = (entries: Posting['entries']): Posting => ({
  id: 1,
  at: 0,
  kind: 'topup',
  subject: 1,
  quoteId: null,
  entries,
});
const euros = (minorUnits: bigint) => ({ currency: 'EUR', minorUnits });

describe('the ledger', () => {
  it('[SIM-09] moves money and makes none: a posting that is not balanced in each currency changes nothing', () => {
    const ledger = emptyLedger();
    const unbalanced = [{ account: accounts.fees, ...euros(1n) }];
    expect(() => post(ledger, aPosting(unbalanced))).toThrow(/not balanced in EUR/);
    const twoCurrencies = [
      { account: accounts.outside, currency: 'GBP', minorUnits: -1n },
      { account: accounts.fees, ...euros(1n) },
    ];
    expect(() => post(ledger, aPosting(twoCurrencies))).toThrow(/not balanced/);
    expect(ledger).toEqual(emptyLedger());
  });

  it('[SIM-09] overdraws no account but those of the world outside and of exchange', () => {
    const ledger = emptyLedger();
    const balance = accounts.balance(7);
    post(ledger, aPosting(moved(accounts.outside, balance, euros(100n))));
    expect(sumOf(ledger, accounts.outside, 'EUR')).toBe(-100n);
    const before = structuredClone(ledger);
    expect(() => post(ledger, aPosting(moved(balance, accounts.fees, euros(101n))))).toThrow(
      /overdraws balance\/7 EUR/,
    );
    const inTwoSteps = [...moved(balance, accounts.fees, euros(60n)), ...moved(balance, accounts.fees, euros(60n))];
    expect(() => post(ledger, aPosting(inTwoSteps))).toThrow(/overdraws/);
    expect(ledger).toEqual(before);
    post(ledger, aPosting(moved(balance, accounts.fees, euros(100n))));
    expect(sumOf(ledger, balance, 'EUR')).toBe(0n);
    expect(ledger.postingsOf.get(balance)).toHaveLength(2);
  });
});
