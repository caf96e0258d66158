// What banks and time would do, done when asked. Only in the sandbox.

import { z } from 'zod';
import { overfull, ownBalance } from '../balances/balance.js';
import { answer, conflict, isRefusal, unprocessable } from '../http/answers.js';
import { currencyField, idField, idText, readAmount } from '../http/fields.js';
import { clientRoute, type Route } from '../http/route.js';
import { accounts, moved, type Posting, sumOf } from '../ledger/ledger.js';
import { toNumber } from '../money/money.js';
import { ownProfile } from '../profiles/profile.js';
import { advance, steps } from '../transfers/advance-transfer.js';
import { describeTransfer, ownTransfer, type TransferState, transferStates } from '../transfers/transfer.js';

const topUpSchema = z.object({ profileId: idField, balanceId: idField, currency: currencyField, amount: z.number() });

const course: readonly TransferState[] = ['incoming_payment_waiting', ...steps];

export const simulationRoutes: readonly Route[] = [
  clientRoute({
    method: 'GET',
    path: '/v1/simulation/transfers/:transferId/:status',
    params: z.object({ transferId: idText, status: z.enum(transferStates) }),
    answer: ({ world, now, clientId, params: { transferId, status } }) => {
      let transfer = ownTransfer(world.state, clientId, transferId, now);
      if (isRefusal(transfer)) return transfer;
      const from = course.indexOf(transfer.state);
      const to = course.indexOf(status);
      // Money that nobody paid can arrive by bank, but not be sent on in the same breath: it would hide a missing funding.
      const isSkippingPayment = from === 0 && to > 1;
      if (from < 0 || to < from || isSkippingPayment) {
        return conflict(
          'transfer.simulation.not.allowed',
          `a transfer that is ${transfer.state} does not become ${status}`,
        );
      }
      for (const step of steps.slice(from, to)) transfer = advance(world, transfer, step);
      return answer(describeTransfer(transfer, world.state));
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v1/simulation/balance/topup',
    body: topUpSchema,
    answer: ({ world, now, clientId, body }) => {
      const found = ownBalance(world.state, clientId, body);
      if (isRefusal(found)) return found;
      const { balance } = found;
      const { currency } = body;
      if (balance.currency !== currency)
        return unprocessable('NOT_VALID', `is not that of balance ${balance.id}`, 'currency');
      const amount = readAmount(body.amount, currency, 'amount');
      if (isRefusal(amount)) return amount;
      const problem = overfull(world.state, balance, amount);
      if (problem !== undefined) return problem;
      const id = world.newId();
      const account = accounts.balance(balance.id);
      const entries = moved(accounts.outside, account, amount);
      const record: Posting = { id, at: now, kind: 'topup', subject: id, quoteId: null, entries };
      world.commit([{ put: 'posting', record }]);
      const balanceAfter = toNumber({ currency, minorUnits: sumOf(world.state.ledger, account, currency) });
      return answer({ transactionId: id, state: 'COMPLETED', balanceAfter });
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v1/simulation/verify-profile',
    body: z.object({ profileId: idField }),
    // Profiles of the simulator count as verified from the beginning.
    answer: ({ world, clientId, body: { profileId } }) => {
      const profile = ownProfile(world.state, clientId, profileId);
      return isRefusal(profile) ? profile : answer({ id: profile.id });
    },
  }),
];
