// The steps of a transfer, and the money that each of them moves.

import { type Balance, standardBalance } from '../balances/balance.js';
import { accounts, moved, type Posting } from '../ledger/ledger.js';
import type { Change, State } from '../state.js';
import type { World } from '../world.js';
import { quoteOf, type Transfer, type TransferState } from './transfer.js';

/** What happens to a transfer, in this order. It begins at `incoming_payment_waiting`. */
export const steps = [
  'processing',
  'funds_converted',
  'outgoing_payment_sent',
  'bounced_back',
  'funds_refunded',
] as const satisfies readonly TransferState[];

/** From the state before it to this one. */
export function advance(world: World, transfer: Transfer, state: (typeof steps)[number]): Transfer {
  const { price } = quoteOf(world.state, transfer);
  const transit = accounts.transit(transfer.id);
  switch (state) {
    case 'processing': {
      const entries = moved(accounts.outside, transit, price.source);
      return commit(world, { ...transfer, state, payment: { balanceId: null } }, 'transfer_paid_in', entries);
    }
    case 'funds_converted': {
      const entries = [
        ...moved(transit, accounts.fees, price.fee),
        ...moved(transit, accounts.exchange, price.converted),
        ...moved(accounts.exchange, transit, price.target),
      ];
      return commit(world, { ...transfer, state }, 'transfer_converted', entries);
    }
    case 'outgoing_payment_sent':
      return commit(world, { ...transfer, state }, 'transfer_sent', moved(transit, accounts.outside, price.target));
    case 'bounced_back':
      return commit(world, { ...transfer, state }, 'transfer_bounced', moved(accounts.outside, transit, price.target));
    case 'funds_refunded': {
      const undone = [
        ...moved(transit, accounts.exchange, price.target),
        ...moved(accounts.exchange, transit, price.converted),
        ...moved(accounts.fees, transit, price.fee),
      ];
      return refund(world, transfer, undone);
    }
  }
}

/** Pays from a balance that has enough. Returns the id of the posting too. */
export function payFromBalance(world: World, transfer: Transfer, balance: Balance): { readonly postingId: number } {
  const { source } = quoteOf(world.state, transfer).price;
  const entries = moved(accounts.balance(balance.id), accounts.transit(transfer.id), source);
  const postingId = world.newId();
  const record: Transfer = { ...transfer, state: 'processing', payment: { balanceId: balance.id } };
  world.commit([{ put: 'transfer', record }, posting(world, postingId, transfer, 'transfer_funded', entries)]);
  return { postingId };
}

/** Before the money is converted. What was paid goes back where it came from, in the same moment. */
export function cancel(world: World, transfer: Transfer): Transfer {
  if (transfer.payment !== null) return refund(world, { ...transfer, isCancelled: true }, []);
  const record: Transfer = { ...transfer, state: 'cancelled', isCancelled: true };
  world.commit([{ put: 'transfer', record }]);
  return record;
}

function refund(world: World, transfer: Transfer, before: Posting['entries']): Transfer {
  const { source } = quoteOf(world.state, transfer).price;
  const { home, opened } = homeOf(world.state, transfer);
  const entries = [...before, ...moved(accounts.transit(transfer.id), home, source)];
  return commit(world, { ...transfer, state: 'funds_refunded' }, 'transfer_refunded', entries, opened);
}

/** Where money goes back to. A balance that was closed meanwhile is followed by its successor, else it is open again. */
function homeOf(state: State, transfer: Transfer): { readonly home: string; readonly opened: readonly Change[] } {
  const paidFrom = state.balances.get(transfer.payment?.balanceId ?? 0);
  if (paidFrom === undefined) return { home: accounts.outside, opened: [] };
  if (paidFrom.closedAt === null) return { home: accounts.balance(paidFrom.id), opened: [] };
  const successor = standardBalance(state, paidFrom.profileId, paidFrom.currency);
  if (successor !== undefined) return { home: accounts.balance(successor.id), opened: [] };
  const record: Balance = { ...paidFrom, closedAt: null };
  return { home: accounts.balance(paidFrom.id), opened: [{ put: 'balance', record }] };
}

function commit(
  world: World,
  record: Transfer,
  kind: Posting['kind'],
  entries: Posting['entries'],
  more: readonly Change[] = [],
): Transfer {
  world.commit([{ put: 'transfer', record }, posting(world, world.newId(), record, kind, entries), ...more]);
  return record;
}

function posting(
  world: World,
  id: number,
  transfer: Transfer,
  kind: Posting['kind'],
  entries: Posting['entries'],
): Change {
  return {
    put: 'posting',
    record: { id, at: world.now(), kind, subject: transfer.id, quoteId: transfer.quoteId, entries },
  };
}
