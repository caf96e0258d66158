import { z } from 'zod';
import { type Balance, ownBalance } from '../balances/balance.js';
import { type Answer, answer, invalid, isRefusal, type Refusal } from '../http/answers.js';
import { currencyField, idText } from '../http/fields.js';
import { clientRoute, type Route } from '../http/route.js';
import { toWire } from '../money/money.js';
import { countryName } from '../profiles/countries.js';
import type { Profile } from '../profiles/profile.js';
import type { State } from '../state.js';
import { describeLine, type StatementLines, statementOf } from './statement.js';
import { renderCsv } from './statement-csv.js';

const momentField = z.iso.datetime();

const querySchema = z.object({
  currency: currencyField,
  intervalStart: momentField,
  intervalEnd: momentField,
  type: z.enum(['COMPACT', 'FLAT']).default('COMPACT'),
});

type Query = z.output<typeof querySchema>;

const params = z.object({ profileId: idText, balanceId: idText });
const longestIntervalMs = 469 * 86_400_000;

const issuer = {
  name: 'Simulated Money API',
  firstLine: '1 Test Street',
  city: 'London',
  postCode: 'E1 6JJ',
  stateCode: null,
  country: 'United Kingdom',
};

interface Found extends StatementLines {
  readonly profile: Profile;
  readonly balance: Balance;
}

function findStatement(
  state: State,
  clientId: string,
  path: z.output<typeof params>,
  { currency, intervalStart, intervalEnd, type }: Query,
): Found | Refusal {
  const found = ownBalance(state, clientId, path);
  if (isRefusal(found)) return found;
  if (found.balance.currency !== currency) return invalid('currency', 'NOT_VALID', 'is not that of the balance');
  const interval = { start: Date.parse(intervalStart), end: Date.parse(intervalEnd) };
  const isPossible = interval.start <= interval.end && interval.end - interval.start <= longestIntervalMs;
  if (!isPossible) return invalid('intervalEnd', 'NOT_VALID', 'is before the start, or more than 469 days after it');
  return { ...found, ...statementOf(state, found.balance, interval, type === 'FLAT') };
}

function describeStatement({ profile, balance, lines, endBalance }: Found, query: Query): Answer {
  const { intervalStart, intervalEnd, type, currency } = query;
  const { addressFirstLine, city, postCode, stateCode, countryIso2Code } = profile.address;
  const names =
    profile.type === 'BUSINESS'
      ? { businessName: profile.businessName }
      : { firstName: profile.firstName, lastName: profile.lastName };
  const address = { addressFirstLine, city, postCode, stateCode, countryName: countryName(countryIso2Code) };
  return answer({
    accountHolder: { type: profile.type, address, ...names },
    issuer,
    bankDetails: null,
    transactions: lines.map(describeLine),
    endOfStatementBalance: toWire(endBalance),
    query: { intervalStart, intervalEnd, type, currency, accountId: balance.id },
  });
}

export const statementRoutes: readonly Route[] = [
  clientRoute({
    method: 'GET',
    path: '/v1/profiles/:profileId/balance-statements/:balanceId/statement.json',
    params,
    query: querySchema,
    answer: ({ world, clientId, params: path, query }) => {
      const found = findStatement(world.state, clientId, path, query);
      return isRefusal(found) ? found : describeStatement(found, query);
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v1/profiles/:profileId/balance-statements/:balanceId/statement.csv',
    params,
    query: querySchema,
    answer: ({ world, clientId, params: path, query }) => {
      const found = findStatement(world.state, clientId, path, query);
      return isRefusal(found) ? found : { status: 200, body: renderCsv(found.lines), type: 'text/csv' };
    },
  }),
];
