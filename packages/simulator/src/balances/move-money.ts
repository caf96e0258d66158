// Movements inside a profile: by a quote from one currency to another, or as it is between two balances of one currency.

import { answer, isRefusal, notFound, type Refusal, unprocessable } from '../http/answers.js';
import type { Proposal } from '../http/idempotence.js';
import { accounts, moved, type Posting } from '../ledger/ledger.js';
import { toJsonNumber } from '../money/decimal.js';
import { type Money, toNumber, toWire } from '../money/money.js';
import { ownQuote, usedUp } from '../quotes/quote.js';
import type { Change, State } from '../state.js';
import type { World } from '../world.js';
import { amountOf, type Balance, overfull, ownBalance, standardBalance } from './balance.js';

export interface Owner {
  readonly clientId: string;
  readonly profileId: number;
}

export function convert(world: World, owner: Owner, quoteId: string, now: number): Proposal | Refusal {
  const { state } = world;
  const quote = ownQuote(state, owner.clientId, quoteId, now);
  if (isRefusal(quote)) return quote;
  if (quote.profileId !== owner.profileId) return notFound('Quote', `quote ${quoteId} is of another profile`);
  if (quote.payOut !== 'BALANCE') return unprocessable('NOT_VALID', 'needs a quote whose payOut is BALANCE', 'quoteId');
  const problem = usedUp(quote, now, 'quoteId');
  if (problem !== undefined) return problem;
  const { source, fee, converted, target, rate } = quote.price;
  const from = standardBalance(state, owner.profileId, source.currency);
  const to = standardBalance(state, owner.profileId, target.currency);
  if (from === undefined || to === undefined) {
    const missing = from === undefined ? source : target;
    return unprocessable('balance.no-balance-for-currency', `open a balance in ${missing.currency} first`);
  }
  if (from.id === to.id) return unprocessable('NOT_VALID', 'source and target are the same balance', 'quoteId');
  const room = amountProblem(state, from, source) ?? overfull(state, to, target);
  if (room !== undefined) return room;
  const entries = [
    ...moved(accounts.balance(from.id), accounts.exchange, converted),
    ...moved(accounts.balance(from.id), accounts.fees, fee),
    ...moved(accounts.exchange, accounts.balance(to.id), target),
  ];
  const movement = { type: 'CONVERSION', kind: 'conversion', from, to, source, target, fee, quoteId, entries } as const;
  const { changes, answer: said } = propose(world, movement, toJsonNumber(rate), now);
  const usedBy = idOf(changes);
  return { changes: [...changes, { put: 'quote', record: { ...quote, usedBy } }], answer: said };
}

export interface Move {
  readonly sourceBalanceId: number;
  readonly targetBalanceId: number;
  readonly amount: Money;
}

export function move(world: World, owner: Owner, wish: Move, now: number): Proposal | Refusal {
  const { state } = world;
  const { sourceBalanceId, targetBalanceId, amount } = wish;
  const source = ownBalance(state, owner.clientId, { ...owner, balanceId: sourceBalanceId });
  if (isRefusal(source)) return source;
  const target = ownBalance(state, owner.clientId, { ...owner, balanceId: targetBalanceId });
  if (isRefusal(target)) return target;
  const [from, to] = [source.balance, target.balance];
  if (from.id === to.id) return unprocessable('NOT_VALID', 'source and target are the same balance', 'targetBalanceId');
  if (from.currency !== amount.currency || to.currency !== amount.currency) {
    return unprocessable('NOT_VALID', 'both balances have to be in it; convert by a quote', 'amount.currency');
  }
  const room = amountProblem(state, from, amount) ?? overfull(state, to, amount);
  if (room !== undefined) return room;
  const entries = moved(accounts.balance(from.id), accounts.balance(to.id), amount);
  const fee = { currency: amount.currency, minorUnits: 0n };
  const movement = {
    type: 'DEPOSIT',
    kind: 'move',
    from,
    to,
    source: amount,
    target: amount,
    fee,
    quoteId: null,
    entries,
  } as const;
  return propose(world, movement, null, now);
}

interface Movement {
  readonly type: 'CONVERSION' | 'DEPOSIT';
  readonly kind: Posting['kind'];
  readonly from: Balance;
  readonly to: Balance;
  readonly source: Money;
  readonly target: Money;
  readonly fee: Money;
  readonly quoteId: string | null;
  readonly entries: Posting['entries'];
}

function propose(world: World, movement: Movement, rate: number | null, now: number): Proposal {
  const { type, kind, from, to, source, target, fee, quoteId, entries } = movement;
  const id = world.newId();
  const record: Posting = { id, at: now, kind, subject: id, quoteId, entries };
  const after = (balance: Balance, change: bigint) => ({
    id: balance.id,
    value: toNumber({ currency: balance.currency, minorUnits: amountOf(world.state, balance).minorUnits + change }),
    currency: balance.currency,
  });
  return {
    changes: [{ put: 'posting', record }],
    answer: answer(
      {
        id,
        type,
        state: 'COMPLETED',
        balancesAfter: [after(from, -source.minorUnits), after(to, target.minorUnits)],
        creationTime: new Date(now).toISOString(),
        sourceAmount: toWire(source),
        targetAmount: toWire(target),
        rate,
        feeAmounts: fee.minorUnits === 0n ? [] : [toWire(fee)],
        steps: [],
      },
      201,
    ),
  };
}

function idOf(changes: readonly Change[]): number {
  const [change] = changes;
  if (change?.put !== 'posting') throw new Error('a movement has a posting');
  return change.record.id;
}

function amountProblem(state: State, balance: Balance, amount: Money): Refusal | undefined {
  if (amountOf(state, balance).minorUnits >= amount.minorUnits) return undefined;
  return unprocessable('balance.insufficient-funds', `balance ${balance.id} has less than that`, 'amount');
}
