// Funding refuses in plain text with one code. What only says that the balance can not pay is an answer: the payment was made
// and rejected, and may be tried again.

import { type Balance, standardBalance } from '../balances/balance.js';
import { type Answer, answer, isRefusal, type Refusal } from '../http/answers.js';
import { accounts, sumOf } from '../ledger/ledger.js';
import type { Money } from '../money/money.js';
import { ownProfile } from '../profiles/profile.js';
import type { World } from '../world.js';
import { payFromBalance } from './advance-transfer.js';
import { ownTransfer, quoteOf, type Transfer } from './transfer.js';

export interface FundTransfer {
  readonly clientId: string;
  readonly profileId: number;
  readonly transferId: number;
  readonly type: 'BALANCE' | 'TRUSTED_PRE_FUND_BULK' | 'TRUSTED_PRE_FUND_TX';
  /** Null: the balance of the profile in the currency of the transfer. */
  readonly balanceId: number | null;
}

export function fundTransfer(world: World, command: FundTransfer, now: number): Answer | Refusal {
  const { clientId, profileId, transferId, type } = command;
  const profile = ownProfile(world.state, clientId, profileId);
  if (isRefusal(profile)) return refused(403, 'transfer.not-accessible-for-user', profile.refusal);
  const transfer = ownTransfer(world.state, clientId, transferId, now);
  if (isRefusal(transfer)) return refused(404, 'transfer.not-found', transfer.refusal);
  if (transfer.profileId !== profileId) {
    return refused(404, 'transfer.not-found', `transfer ${transferId} is not of profile ${profileId}`);
  }
  if (type !== 'BALANCE') {
    const code = `${type.toLowerCase().replaceAll('_', '')}.payment-option-unavailable`;
    return refused(422, code, 'the simulator has no pre-funded payments');
  }
  const state = stateProblem(transfer);
  if (state !== undefined) return state;

  const { source } = quoteOf(world.state, transfer).price;
  const balance = balanceFor(world, command, source);
  if (balance === undefined) return rejected('balance.no-balance-for-currency');
  if (isRefusal(balance)) return balance;
  const available = sumOf(world.state.ledger, accounts.balance(balance.id), source.currency);
  if (available < source.minorUnits) return rejected('balance.insufficient-funds');
  const { postingId } = payFromBalance(world, transfer, balance);
  return answer({ type: 'BALANCE', status: 'COMPLETED', balanceTransactionId: postingId }, 201);
}

/** This is what keeps a retry from paying again. */
function stateProblem({ id, payment, state }: Transfer): Refusal | undefined {
  if (payment !== null) return refused(409, 'payment.exists', `transfer ${id} was funded already`);
  if (state === 'incoming_payment_waiting') return undefined;
  return refused(409, 'transfer.invalid-state', `transfer ${id} is ${state}`);
}

function balanceFor(
  world: World,
  { profileId, balanceId }: FundTransfer,
  source: Money,
): Balance | Refusal | undefined {
  if (balanceId === null) return standardBalance(world.state, profileId, source.currency);
  const balance = world.state.balances.get(balanceId);
  if (balance === undefined || balance.profileId !== profileId) {
    const owner = balance === undefined ? 'does not exist' : 'belongs to another profile';
    return refused(404, 'balance.account-not-found', `balance ${balanceId} ${owner}`);
  }
  if (balance.closedAt !== null) return refused(422, 'balance.account-inactive', `balance ${balanceId} is closed`);
  if (balance.currency !== source.currency) {
    return refused(422, 'balance.currency-unsupported', `balance ${balanceId} is not in ${source.currency}`);
  }
  if (balance.type === 'STANDARD') return balance;
  return refused(422, 'balance.payment-option-unavailable', `balance ${balanceId} holds savings`);
}

function rejected(errorCode: string): Answer {
  return answer({ type: 'BALANCE', status: 'REJECTED', errorCode }, 201);
}

export function refused(status: number, code: string, refusal: string): Refusal {
  return { refusal, status, shape: { kind: 'code', code } };
}
