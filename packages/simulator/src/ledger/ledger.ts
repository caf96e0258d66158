// Double entry: money only moves between accounts, so what one account gains another one loses, currency by currency.

import { z } from 'zod';
import type { Money } from '../money/money.js';
import { moneyRecord } from '../money/records.js';

export const postingRecord = z.object({
  id: z.number(),
  at: z.number(),
  kind: z.enum([
    'topup',
    'move',
    'conversion',
    'transfer_funded',
    'transfer_paid_in',
    'transfer_converted',
    'transfer_sent',
    'transfer_bounced',
    'transfer_refunded',
  ]),
  /** The transfer or movement that it belongs to. */
  subject: z.number(),
  /** The quote that priced it. */
  quoteId: z.string().nullable(),
  entries: z.array(z.object({ account: z.string(), ...moneyRecord.shape })),
});

export type Posting = Readonly<z.output<typeof postingRecord>>;

export const accounts = {
  /** A balance of a profile. */
  balance: (id: number): string => `balance/${id}`,
  /** Money of a transfer that left the sender and has not arrived. */
  transit: (transferId: number): string => `transit/${transferId}`,
  fees: 'fees',
  /** What is bought of one currency for another. */
  exchange: 'fx',
  /** The banks of the world. */
  outside: 'outside',
} as const;

/** Both may owe: the one is where money comes from, the other one holds each currency against all the others. */
const mayOwe: ReadonlySet<string> = new Set([accounts.outside, accounts.exchange]);

export interface Ledger {
  readonly postings: Posting[];
  /** By account, in the order of time. */
  readonly postingsOf: Map<string, Posting[]>;
  /** By account, then by currency. */
  readonly sums: Map<string, Map<string, bigint>>;
}

export function emptyLedger(): Ledger {
  return { postings: [], postingsOf: new Map(), sums: new Map() };
}

export function sumOf(ledger: Ledger, account: string, currency: string): bigint {
  return ledger.sums.get(account)?.get(currency) ?? 0n;
}

/** From one account to another one. */
export function moved(from: string, to: string, { currency, minorUnits: amount }: Money): Posting['entries'] {
  return [
    { account: from, currency, minorUnits: -amount },
    { account: to, currency, minorUnits: amount },
  ];
}

/** @throws Error for a posting that a use case must never make: one that makes or loses money, or overdraws an account */
export function post(ledger: Ledger, posting: Posting): void {
  const totals = new Map<string, bigint>();
  const after = new Map<string, bigint>();
  for (const { account, currency, minorUnits: change } of posting.entries) {
    totals.set(currency, (totals.get(currency) ?? 0n) + change);
    const place = `${account} ${currency}`;
    const sum = (after.get(place) ?? sumOf(ledger, account, currency)) + change;
    after.set(place, sum);
    if (sum < 0n && !mayOwe.has(account)) throw new Error(`posting ${posting.id} overdraws ${place}`);
  }
  for (const [currency, total] of totals) {
    if (total !== 0n) throw new Error(`posting ${posting.id} is not balanced in ${currency}`);
  }
  ledger.postings.push(posting);
  for (const { account, currency, minorUnits: change } of posting.entries) {
    const sums = ledger.sums.get(account) ?? new Map<string, bigint>();
    ledger.sums.set(account, sums.set(currency, (sums.get(currency) ?? 0n) + change));
  }
  for (const account of new Set(posting.entries.map((entry) => entry.account))) {
    const postings = ledger.postingsOf.get(account) ?? [];
    postings.push(posting);
    ledger.postingsOf.set(account, postings);
  }
}
