import { z } from 'zod';
import { answer, conflict, invalid, isRefusal, unprocessable } from '../http/answers.js';
import {
  currencyField,
  idField,
  idText,
  listText,
  optional,
  readAmount,
  textField,
  uuidField,
} from '../http/fields.js';
import { answerOnce, requireIdempotenceKey } from '../http/idempotence.js';
import { clientRoute, type Route } from '../http/route.js';
import { ownProfile } from '../profiles/profile.js';
import {
  amountOf,
  type Balance,
  balancesOf,
  balanceTypes,
  describeBalance,
  ownBalance,
  standardBalance,
} from './balance.js';
import { convert, move } from './move-money.js';

const balanceSchema = z.object({
  currency: currencyField,
  type: z.enum(balanceTypes),
  name: optional(textField(100)),
});

const movementSchema = z.object({
  quoteId: optional(uuidField),
  sourceBalanceId: optional(idField),
  targetBalanceId: optional(idField),
  amount: optional(z.object({ value: z.number(), currency: currencyField })),
});

const profileParams = z.object({ profileId: idText });
const balanceParams = z.object({ profileId: idText, balanceId: idText });
const knownTypes = new Set<string>(balanceTypes);

export const balanceRoutes: readonly Route[] = [
  clientRoute({
    method: 'POST',
    path: '/v4/profiles/:profileId/balances',
    params: profileParams,
    body: balanceSchema,
    answer: ({ world, now, clientId, params: { profileId }, body, idempotenceKey }) => {
      const profile = ownProfile(world.state, clientId, profileId);
      if (isRefusal(profile)) return profile;
      const key = requireIdempotenceKey(idempotenceKey);
      if (typeof key !== 'string') return key;
      const operation = `balance ${profileId}`;
      return answerOnce(world, { clientId, operation, idempotenceKey: key, body }, () => {
        const { currency, type, name } = body;
        if (type === 'SAVINGS' && name === null) return invalid('name', 'NotNull', 'is required for SAVINGS');
        if (type === 'STANDARD' && standardBalance(world.state, profileId, currency) !== undefined) {
          return conflict('NOT_UNIQUE', `there is a STANDARD balance in ${currency}`, 'currency');
        }
        const record: Balance = { id: world.newId(), profileId, currency, type, name, createdAt: now, closedAt: null };
        return { changes: [{ put: 'balance', record }], answer: answer(describeBalance(world.state, record), 201) };
      });
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v4/profiles/:profileId/balances',
    params: profileParams,
    query: z.object({ types: listText }),
    answer: ({ world, clientId, params: { profileId }, query: { types } }) => {
      const profile = ownProfile(world.state, clientId, profileId);
      if (isRefusal(profile)) return profile;
      if (!types.every((type) => knownTypes.has(type)))
        return invalid('types', 'NOT_VALID', 'are STANDARD and SAVINGS');
      const found = balancesOf(world.state, profileId).filter(({ type }) => types.includes(type));
      return answer(found.map((balance) => describeBalance(world.state, balance)));
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v4/profiles/:profileId/balances/:balanceId',
    params: balanceParams,
    answer: ({ world, clientId, params }) => {
      const found = ownBalance(world.state, clientId, params);
      return isRefusal(found) ? found : answer(describeBalance(world.state, found.balance));
    },
  }),

  clientRoute({
    method: 'DELETE',
    path: '/v4/profiles/:profileId/balances/:balanceId',
    params: balanceParams,
    answer: ({ world, now, clientId, params }) => {
      const found = ownBalance(world.state, clientId, params);
      if (isRefusal(found)) return found;
      if (amountOf(world.state, found.balance).minorUnits !== 0n) {
        return conflict('NOT_VALID', 'a balance is closed when it is zero');
      }
      world.commit([{ put: 'balance', record: { ...found.balance, closedAt: now } }]);
      return answer(undefined, 204);
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v2/profiles/:profileId/balance-movements',
    params: profileParams,
    body: movementSchema,
    answer: ({ world, now, clientId, params: { profileId }, body, idempotenceKey }) => {
      const profile = ownProfile(world.state, clientId, profileId);
      if (isRefusal(profile)) return profile;
      const key = requireIdempotenceKey(idempotenceKey);
      if (typeof key !== 'string') return key;
      const operation = `movement ${profileId}`;
      const owner = { clientId, profileId };
      return answerOnce(world, { clientId, operation, idempotenceKey: key, body }, () => {
        const { quoteId, sourceBalanceId, targetBalanceId, amount } = body;
        const isMove = sourceBalanceId !== null && targetBalanceId !== null && amount !== null;
        if (quoteId !== null && sourceBalanceId === null && targetBalanceId === null && amount === null) {
          return convert(world, owner, quoteId, now);
        }
        if (quoteId !== null || !isMove) {
          return unprocessable('NOT_VALID', 'say a quoteId, or sourceBalanceId, targetBalanceId and amount');
        }
        const money = readAmount(amount.value, amount.currency, 'amount.value');
        if (isRefusal(money)) return money;
        return move(world, owner, { sourceBalanceId, targetBalanceId, amount: money }, now);
      });
    },
  }),
];
