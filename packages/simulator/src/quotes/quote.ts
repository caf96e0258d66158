// An offer to send or convert money: a price that holds for half an hour.

import { z } from 'zod';
import { notFound, type Refusal, unprocessable } from '../http/answers.js';
import { toJsonNumber } from '../money/decimal.js';
import { type Money, toNumber, toText } from '../money/money.js';
import type { Price } from '../money/price.js';
import { decimalRecord, moneyRecord } from '../money/records.js';
import type { State } from '../state.js';

export const payOuts = ['BANK_TRANSFER', 'BALANCE'] as const;

export const quoteRecord = z.object({
  id: z.string(),
  clientId: z.string(),
  profileId: z.number(),
  userId: z.number(),
  createdAt: z.number(),
  providedAmountType: z.enum(['SOURCE', 'TARGET']),
  price: z.object({
    source: moneyRecord,
    fee: moneyRecord,
    converted: moneyRecord,
    target: moneyRecord,
    rate: decimalRecord,
  }),
  payOut: z.enum(payOuts),
  preferredPayIn: z.string().nullable(),
  targetAccount: z.number().nullable(),
  transferNature: z.string().nullable(),
  /** The transfer or movement that was made by it. */
  usedBy: z.number().nullable(),
});

export type Quote = Readonly<z.output<typeof quoteRecord>>;

const minuteMs = 60_000;
const rateLockMs = 30 * minuteMs;
const readableMs = 48 * 60 * minuteMs;
const deliveryMs = 24 * 60 * minuteMs;

const expiryOf = (quote: Pick<Quote, 'createdAt'>): number => quote.createdAt + rateLockMs;

/** The quote, if this client made it. One that was never used is forgotten two days after its end. */
export function ownQuote(state: State, clientId: string, quoteId: string, now: number): Quote | Refusal {
  const quote = state.quotes.get(quoteId);
  if (quote === undefined) return notFound('Quote', `there is no quote ${quoteId}`);
  if (quote.clientId !== clientId) return notFound('Quote', `quote ${quoteId} belongs to another client`);
  if (quote.usedBy === null && now >= expiryOf(quote) + readableMs) {
    return notFound('Quote', `quote ${quoteId} ended more than 48 hours ago`);
  }
  return quote;
}

/** What keeps a quote from being used or changed. */
export function usedUp(quote: Quote, now: number, path: string): Refusal | undefined {
  if (quote.usedBy !== null) return unprocessable('NOT_VALID', `the quote was used for ${quote.usedBy}`, path);
  if (now >= expiryOf(quote)) return unprocessable('NOT_VALID', 'the rate of the quote is over: make a new one', path);
  return undefined;
}

export function describeQuote(quote: Quote, state: State, now: number): object {
  const { id, userId, profileId, targetAccount, preferredPayIn, transferNature } = quote;
  return {
    id,
    ...describeOffer(quote),
    user: userId,
    profile: profileId,
    status: statusOf(quote, state, now),
    expirationTime: isoTime(expiryOf(quote)),
    targetAccount,
    preferredPayIn,
    paymentMetadata: transferNature === null ? null : { transferNature },
    notices: [],
  };
}

type Offer = Pick<Quote, 'createdAt' | 'providedAmountType' | 'price' | 'payOut'>;

/** What a quote and an illustration have in common. */
export function describeOffer({ createdAt, providedAmountType, price, payOut }: Offer): object {
  const option = describeOption(price, payOut, createdAt);
  return {
    sourceCurrency: price.source.currency,
    targetCurrency: price.target.currency,
    sourceAmount: toNumber(price.source),
    targetAmount: toNumber(price.target),
    rate: toJsonNumber(price.rate),
    createdTime: isoTime(createdAt),
    rateType: 'FIXED',
    rateExpirationTime: isoTime(expiryOf({ createdAt })),
    guaranteedTargetAmount: providedAmountType === 'TARGET',
    guaranteedTargetAmountAllowed: true,
    providedAmountType,
    payOut,
    // Paying from a balance and by bank transfer cost the same here.
    paymentOptions: [
      { ...option, payIn: 'BALANCE' },
      { ...option, payIn: 'BANK_TRANSFER' },
    ],
  };
}

function describeOption({ source, fee, target }: Price, payOut: string, createdAt: number): object {
  const feeNumber = toNumber(fee);
  const feeItem = (type: string, label: string) => ({ type, label, value: describeValue(fee) });
  return {
    disabled: false,
    estimatedDelivery: isoTime(createdAt + deliveryMs),
    fee: { transferwise: feeNumber, payIn: 0, discount: 0, partner: 0, total: feeNumber },
    price: { total: feeItem('TOTAL', 'Total fees'), items: [feeItem('TRANSFERWISE', 'Our fee')] },
    sourceAmount: toNumber(source),
    targetAmount: toNumber(target),
    sourceCurrency: source.currency,
    targetCurrency: target.currency,
    payOut,
  };
}

function describeValue(money: Money): object {
  return { amount: toNumber(money), currency: money.currency, label: `${toText(money)} ${money.currency}` };
}

function statusOf(quote: Quote, state: State, now: number): string {
  if (quote.usedBy === null) return now < expiryOf(quote) ? 'PENDING' : 'EXPIRED';
  const transfer = state.transfers.get(quote.usedBy);
  return transfer === undefined || transfer.payment !== null ? 'FUNDED' : 'ACCEPTED';
}

const isoTime = (time: number): string => new Date(time).toISOString();
