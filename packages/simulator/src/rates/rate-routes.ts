import { z } from 'zod';
import { answer, invalid } from '../http/answers.js';
import { currencyField, momentText } from '../http/fields.js';
import { openRoute, type Route } from '../http/route.js';
import { currencies } from '../money/currencies.js';
import { toJsonNumber } from '../money/decimal.js';
import { rateBetween } from '../money/price.js';

const stepMs = { minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;
const mostRates = 1_000;

const ratesSchema = z.object({
  source: currencyField.optional(),
  target: currencyField.optional(),
  time: momentText.optional(),
  from: momentText.optional(),
  to: momentText.optional(),
  group: z.enum(['day', 'hour', 'minute']).default('day'),
});

export const rateRoutes: readonly Route[] = [
  openRoute({
    method: 'GET',
    path: '/v1/rates',
    query: ratesSchema,
    answer: ({ now, query }) => {
      const { source, target, time = now, from = time, to = from, group } = query;
      const sources = source === undefined ? [...currencies.keys()] : [source];
      const targets = target === undefined ? [...currencies.keys()] : [target];
      const pairs = sources.flatMap((one) => targets.map((other) => [one, other] as const));
      const count = to < from ? 0 : Math.floor((to - from) / stepMs[group]) + 1;
      if (count * pairs.length > mostRates) {
        return invalid('to', 'NOT_VALID', `asks for more than ${mostRates} rates: name both currencies, or less time`);
      }
      const times = Array.from({ length: count }, (_, index) => from + index * stepMs[group]);
      return answer(
        pairs.flatMap(([one, other]) =>
          times.map((at) => ({
            rate: toJsonNumber(rateBetween(one, other)),
            source: one,
            target: other,
            time: new Date(at).toISOString().replace(/\.\d{3}Z$/, '+0000'),
          })),
        ),
      );
    },
  }),

  openRoute({
    method: 'GET',
    path: '/v1/currencies',
    answer: () =>
      answer(
        [...currencies.values()].map(({ code, symbol, name, countryKeywords, exponent }) => ({
          code,
          symbol,
          name,
          countryKeywords,
          supportsDecimals: exponent > 0,
        })),
      ),
  }),
];
