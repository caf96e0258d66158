// Money that a profile holds in one currency. How much it is, the ledger says.

import { z } from 'zod';
import { isRefusal, notFound, type Refusal, unprocessable } from '../http/answers.js';
import { accounts, sumOf } from '../ledger/ledger.js';
import { type Money, toWire } from '../money/money.js';
import { ownProfile, type Profile } from '../profiles/profile.js';
import type { State } from '../state.js';

export const balanceTypes = ['STANDARD', 'SAVINGS'] as const;

export const balanceRecord = z.object({
  id: z.number(),
  profileId: z.number(),
  currency: z.string(),
  type: z.enum(balanceTypes),
  name: z.string().nullable(),
  createdAt: z.number(),
  closedAt: z.number().nullable(),
});

export type Balance = Readonly<z.output<typeof balanceRecord>>;

/** Beyond it a JSON number no longer tells one minor unit from the next one. */
const mostMinorUnits = 10n ** 15n;

/** An open balance of a profile that this client made. */
export function ownBalance(
  state: State,
  clientId: string,
  { profileId, balanceId }: { readonly profileId: number; readonly balanceId: number },
): { readonly profile: Profile; readonly balance: Balance } | Refusal {
  const profile = ownProfile(state, clientId, profileId);
  if (isRefusal(profile)) return profile;
  const balance = state.balances.get(balanceId);
  if (balance === undefined) return notFound('Balance', `there is no balance ${balanceId}`);
  if (balance.profileId !== profileId) return notFound('Balance', `balance ${balanceId} belongs to another profile`);
  if (balance.closedAt !== null) return notFound('Balance', `balance ${balanceId} is closed`);
  return { profile, balance };
}

export function balancesOf(state: State, profileId: number): Balance[] {
  return [...state.balances.values()].filter((one) => one.profileId === profileId && one.closedAt === null);
}

/** The one that pays and is paid in its currency. */
export function standardBalance(state: State, profileId: number, currency: string): Balance | undefined {
  return balancesOf(state, profileId).find((one) => one.type === 'STANDARD' && one.currency === currency);
}

export function amountOf(state: State, { id, currency }: Balance): Money {
  return { currency, minorUnits: sumOf(state.ledger, accounts.balance(id), currency) };
}

/** Whether a balance can take more. */
export function overfull(state: State, balance: Balance, more: Money): Refusal | undefined {
  const after = amountOf(state, balance).minorUnits + more.minorUnits;
  if (after <= mostMinorUnits) return undefined;
  return unprocessable('NOT_VALID', `balance ${balance.id} can not hold that much`, 'amount');
}

export function describeBalance(state: State, balance: Balance): object {
  const { id, currency, type, name, createdAt } = balance;
  const amount = toWire(amountOf(state, balance));
  const lastPosting = state.ledger.postingsOf.get(accounts.balance(id))?.at(-1);
  return {
    id,
    currency,
    type,
    name,
    icon: null,
    investmentState: 'NOT_INVESTED',
    amount,
    reservedAmount: { value: 0, currency },
    cashAmount: amount,
    totalWorth: amount,
    creationTime: new Date(createdAt).toISOString(),
    modificationTime: new Date(lastPosting?.at ?? createdAt).toISOString(),
    visible: true,
  };
}
