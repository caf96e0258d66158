// An order to send money by a quote to a recipient.

import { z } from 'zod';
import { notFound, type Refusal } from '../http/answers.js';
import { toJsonNumber } from '../money/decimal.js';
import { toNumber } from '../money/money.js';
import type { Quote } from '../quotes/quote.js';
import type { State } from '../state.js';

/** Those of the contract that a transfer of the simulator can be in. */
export const transferStates = [
  'incoming_payment_waiting',
  'processing',
  'funds_converted',
  'outgoing_payment_sent',
  'bounced_back',
  'funds_refunded',
  'cancelled',
] as const;

export type TransferState = (typeof transferStates)[number];

export const transferRecord = z.object({
  id: z.number(),
  clientId: z.string(),
  profileId: z.number(),
  userId: z.number(),
  createdAt: z.number(),
  recipientId: z.number(),
  sourceAccount: z.number().nullable(),
  quoteId: z.string(),
  customerTransactionId: z.string(),
  /** Of what was asked for, to tell a repeated request from another one. */
  bodyDigest: z.string(),
  reference: z.string().nullable(),
  state: z.enum(transferStates),
  /** Where the money came from, once it did; balanceId is null for a bank transfer. */
  payment: z.object({ balanceId: z.number().nullable() }).nullable(),
  isCancelled: z.boolean(),
});

export type Transfer = Readonly<z.output<typeof transferRecord>>;

const dayMs = 86_400_000;
const unfundedForMs = 14 * dayMs;

/** As it is now: one that nobody paid for is cancelled after 14 days, without anybody doing so. */
export function currentTransfer(transfer: Transfer, now: number): Transfer {
  const isOver = transfer.state === 'incoming_payment_waiting' && now >= transfer.createdAt + unfundedForMs;
  return isOver ? { ...transfer, state: 'cancelled', isCancelled: true } : transfer;
}

/** The transfer, if this client made it. */
export function ownTransfer(state: State, clientId: string, transferId: number, now: number): Transfer | Refusal {
  const transfer = state.transfers.get(transferId);
  if (transfer === undefined) return notFound('Transfer', `there is no transfer ${transferId}`);
  if (transfer.clientId === clientId) return currentTransfer(transfer, now);
  return notFound('Transfer', `transfer ${transferId} belongs to another client`);
}

export function quoteOf(state: State, { id, quoteId }: Transfer): Quote {
  const quote = state.quotes.get(quoteId);
  if (quote === undefined) throw new Error(`transfer ${id} has no quote`);
  return quote;
}

export function describeTransfer(transfer: Transfer, state: State): object {
  const { source, target, rate } = quoteOf(state, transfer).price;
  const { id, userId, profileId, recipientId, sourceAccount, quoteId, reference, createdAt } = transfer;
  const isBusiness = state.profiles.get(profileId)?.type === 'BUSINESS';
  return {
    id,
    user: userId,
    targetAccount: recipientId,
    sourceAccount,
    quote: null,
    quoteUuid: quoteId,
    status: transfer.state,
    reference,
    rate: toJsonNumber(rate),
    created: new Date(createdAt).toISOString(),
    business: isBusiness ? profileId : null,
    transferRequest: null,
    details: { reference },
    hasActiveIssues: false,
    sourceCurrency: source.currency,
    sourceValue: toNumber(source),
    targetCurrency: target.currency,
    targetValue: toNumber(target),
    customerTransactionId: transfer.customerTransactionId,
    payinSessionId: null,
  };
}
