// What happened on a balance, line by line, each with what was there afterwards.

import type { Balance } from '../balances/balance.js';
import { accounts, type Posting } from '../ledger/ledger.js';
import { type Decimal, toJsonNumber } from '../money/decimal.js';
import { type Money, toWire } from '../money/money.js';
import type { Price } from '../money/price.js';
import type { State } from '../state.js';

export interface StatementLine {
  readonly at: number;
  /** Negative: it left the balance. */
  readonly amount: Money;
  readonly fees: Money;
  readonly type: 'TRANSFER' | 'DEPOSIT' | 'CONVERSION' | 'MOVEMENT' | 'FEE';
  readonly description: string;
  readonly reference: string | null;
  readonly recipientName: string | null;
  readonly exchange: { readonly from: Money; readonly to: Money; readonly rate: Decimal } | null;
  readonly referenceNumber: string;
  readonly runningBalance: Money;
}

export interface Interval {
  readonly start: number;
  /** Still part of it. */
  readonly end: number;
}

export interface StatementLines {
  /** The latest one first. */
  readonly lines: readonly StatementLine[];
  readonly endBalance: Money;
}

type UnsummedLine = Omit<StatementLine, 'runningBalance'>;

/** Flat: what a fee took has a line of its own. */
export function statementOf(state: State, balance: Balance, { start, end }: Interval, isFlat: boolean): StatementLines {
  const { currency } = balance;
  const lines: StatementLine[] = [];
  let sum = 0n;
  for (const posting of state.ledger.postingsOf.get(accounts.balance(balance.id)) ?? []) {
    if (posting.at > end) break;
    const whole = lineOf(state, balance, posting);
    for (const line of isFlat ? splitFee(whole) : [whole]) {
      sum += line.amount.minorUnits;
      if (posting.at >= start) lines.push({ ...line, runningBalance: { currency, minorUnits: sum } });
    }
  }
  return { lines: lines.reverse(), endBalance: { currency, minorUnits: sum } };
}

function lineOf(state: State, balance: Balance, posting: Posting): UnsummedLine {
  const { currency } = balance;
  const account = accounts.balance(balance.id);
  const changes = posting.entries.filter((entry) => entry.account === account);
  const minorUnits = changes.reduce((total, entry) => total + entry.minorUnits, 0n);
  const nothing = { currency, minorUnits: 0n };
  const common = {
    at: posting.at,
    amount: { currency, minorUnits },
    fees: nothing,
    reference: null,
    recipientName: null,
    exchange: null,
  };
  switch (posting.kind) {
    case 'topup':
      return {
        ...common,
        type: 'DEPOSIT',
        description: 'Received money',
        referenceNumber: `DEPOSIT-${posting.subject}`,
      };
    case 'move':
      return {
        ...common,
        type: 'MOVEMENT',
        description: `Moved ${currency} between balances`,
        referenceNumber: `MOVEMENT-${posting.subject}`,
      };
    case 'conversion': {
      const { source, target, fee, ...price } = priceOf(state, posting);
      const exchange = { from: price.converted, to: target, rate: price.rate };
      return {
        ...common,
        type: 'CONVERSION',
        exchange,
        fees: minorUnits < 0n ? fee : nothing,
        description: `Converted ${source.currency} to ${target.currency}`,
        referenceNumber: `CONVERSION-${posting.subject}`,
      };
    }
    case 'transfer_funded':
      return { ...common, ...fundedLine(state, posting) };
    case 'transfer_refunded':
      return {
        ...common,
        type: 'TRANSFER',
        description: `Refund of transfer ${posting.subject}`,
        referenceNumber: `TRANSFER-${posting.subject}`,
      };
    case 'transfer_paid_in':
    case 'transfer_converted':
    case 'transfer_sent':
    case 'transfer_bounced':
      throw new Error(`${posting.kind} does not touch a balance`);
  }
}

function fundedLine(state: State, posting: Posting) {
  const { source, target, fee, converted, rate } = priceOf(state, posting);
  const transfer = state.transfers.get(posting.subject);
  const recipientName = state.recipients.get(transfer?.recipientId ?? 0)?.accountHolderName ?? null;
  return {
    type: 'TRANSFER',
    fees: fee,
    description: `Sent money to ${recipientName ?? 'a recipient'}`,
    reference: transfer?.reference ?? null,
    recipientName,
    exchange: source.currency === target.currency ? null : { from: converted, to: target, rate },
    referenceNumber: `TRANSFER-${posting.subject}`,
  } as const;
}

function splitFee(line: UnsummedLine): UnsummedLine[] {
  const { fees, amount } = line;
  if (fees.minorUnits === 0n) return [line];
  const nothing = { ...fees, minorUnits: 0n };
  const rest = { ...amount, minorUnits: amount.minorUnits + fees.minorUnits };
  const fee: UnsummedLine = {
    ...line,
    type: 'FEE',
    description: `Fee of ${line.referenceNumber}`,
    amount: { ...fees, minorUnits: -fees.minorUnits },
    fees: nothing,
    exchange: null,
  };
  return [{ ...line, amount: rest, fees: nothing }, fee];
}

function priceOf(state: State, { id, quoteId }: Posting): Price {
  const quote = state.quotes.get(quoteId ?? '');
  if (quote === undefined) throw new Error(`posting ${id} has no quote`);
  return quote.price;
}

export function describeLine(line: StatementLine): object {
  const { at, amount, fees, type, description, reference, recipientName, exchange, referenceNumber } = line;
  return {
    type: amount.minorUnits < 0n ? 'DEBIT' : 'CREDIT',
    date: new Date(at).toISOString(),
    amount: toWire(amount),
    totalFees: toWire(fees),
    details: {
      type,
      description,
      ...(recipientName === null ? {} : { recipient: { name: recipientName } }),
      ...(reference === null ? {} : { paymentReference: reference }),
    },
    exchangeDetails: exchange && {
      fromAmount: toWire(exchange.from),
      toAmount: toWire(exchange.to),
      rate: toJsonNumber(exchange.rate),
    },
    runningBalance: toWire(line.runningBalance),
    referenceNumber,
  };
}
