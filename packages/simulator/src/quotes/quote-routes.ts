// Merge patches: RFC 7396. Null takes a member away.

import { z } from 'zod';
import { answer, invalid, isRefusal, notFound, type Refusal, unprocessable } from '../http/answers.js';
import { currencyField, idField, idText, optional, readAmount, textField, uuidField } from '../http/fields.js';
import { clientRoute, openRoute, type Route } from '../http/route.js';
import { type Price, priceOfSource, priceOfTarget } from '../money/price.js';
import { ownProfile } from '../profiles/profile.js';
import { ownRecipient } from '../recipients/recipient.js';
import type { State } from '../state.js';
import { describeOffer, describeQuote, ownQuote, payOuts, type Quote, usedUp } from './quote.js';

const payOutField = z.enum(payOuts);
const transferNature = z.object({ transferNature: optional(textField(50)) });

const offerSchema = z.object({
  sourceCurrency: currencyField,
  targetCurrency: currencyField,
  sourceAmount: optional(z.number()),
  targetAmount: optional(z.number()),
  payOut: payOutField.nullish().transform((value) => value ?? 'BANK_TRANSFER'),
  preferredPayIn: optional(textField(50)),
});

const quoteSchema = offerSchema.extend({
  targetAccount: optional(idField),
  paymentMetadata: optional(transferNature),
});

const patchSchema = z.object({
  targetAccount: idField.nullable().optional(),
  payOut: payOutField.nullable().optional(),
  paymentMetadata: transferNature.nullable().optional(),
});

interface Offered {
  readonly price: Price;
  readonly providedAmountType: Quote['providedAmountType'];
}

function priceOf(wish: z.output<typeof offerSchema>): Offered | Refusal {
  const { sourceCurrency, targetCurrency, sourceAmount, targetAmount } = wish;
  if (targetAmount === null && sourceAmount !== null) {
    const source = readAmount(sourceAmount, sourceCurrency, 'sourceAmount');
    if (isRefusal(source)) return source;
    const price = priceOfSource(source, targetCurrency);
    if (price === undefined) return unprocessable('NOT_VALID', 'is less than the fee', 'sourceAmount');
    return { price, providedAmountType: 'SOURCE' };
  }
  if (sourceAmount === null && targetAmount !== null) {
    const target = readAmount(targetAmount, targetCurrency, 'targetAmount');
    if (isRefusal(target)) return target;
    return { price: priceOfTarget(sourceCurrency, target), providedAmountType: 'TARGET' };
  }
  return invalid('sourceAmount', 'NOT_VALID', 'say exactly one of sourceAmount and targetAmount');
}

/** Whether money of the quote can go to that recipient. */
function recipientProblem(state: State, quote: Pick<Quote, 'clientId' | 'profileId' | 'price'>, accountId: number) {
  const recipient = ownRecipient(state, quote.clientId, accountId);
  if (isRefusal(recipient)) return recipient;
  return recipient.currency === quote.price.target.currency
    ? undefined
    : unprocessable('NOT_VALID', `takes ${recipient.currency} only`, 'targetAccount');
}

export const quoteRoutes: readonly Route[] = [
  openRoute({
    method: 'POST',
    path: '/v3/quotes',
    body: offerSchema,
    answer: ({ now, body }) => {
      const offered = priceOf(body);
      if (isRefusal(offered)) return offered;
      return answer(describeOffer({ ...offered, createdAt: now, payOut: body.payOut }));
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v3/profiles/:profileId/quotes',
    params: z.object({ profileId: idText }),
    body: quoteSchema,
    answer: ({ world, now, clientId, params: { profileId }, body }) => {
      const profile = ownProfile(world.state, clientId, profileId);
      if (isRefusal(profile)) return profile;
      const offered = priceOf(body);
      if (isRefusal(offered)) return offered;
      const { payOut, preferredPayIn, targetAccount, paymentMetadata } = body;
      const quote: Quote = {
        id: world.newUuid(),
        clientId,
        profileId,
        userId: profile.userId,
        createdAt: now,
        ...offered,
        payOut,
        preferredPayIn,
        targetAccount,
        transferNature: paymentMetadata?.transferNature ?? null,
        usedBy: null,
      };
      const problem = targetAccount === null ? undefined : recipientProblem(world.state, quote, targetAccount);
      if (problem !== undefined) return problem;
      world.commit([{ put: 'quote', record: quote }]);
      return answer(describeQuote(quote, world.state, now));
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v3/profiles/:profileId/quotes/:quoteId',
    params: z.object({ profileId: idText, quoteId: uuidField }),
    answer: ({ world, now, clientId, params }) => {
      const quote = quoteOfProfile(world.state, clientId, params, now);
      return isRefusal(quote) ? quote : answer(describeQuote(quote, world.state, now));
    },
  }),

  clientRoute({
    method: 'PATCH',
    path: '/v3/profiles/:profileId/quotes/:quoteId',
    params: z.object({ profileId: idText, quoteId: uuidField }),
    bodyType: 'application/merge-patch+json',
    body: patchSchema,
    answer: ({ world, now, clientId, params, body }) => {
      const quote = quoteOfProfile(world.state, clientId, params, now);
      if (isRefusal(quote)) return quote;
      const { targetAccount = quote.targetAccount, payOut = quote.payOut, paymentMetadata } = body;
      const problem =
        usedUp(quote, now, 'quoteId') ??
        (targetAccount === null ? undefined : recipientProblem(world.state, quote, targetAccount));
      if (problem !== undefined) return problem;
      const record: Quote = {
        ...quote,
        targetAccount,
        payOut: payOut ?? 'BANK_TRANSFER',
        transferNature:
          paymentMetadata === undefined ? quote.transferNature : (paymentMetadata?.transferNature ?? null),
      };
      world.commit([{ put: 'quote', record }]);
      return answer(describeQuote(record, world.state, now));
    },
  }),
];

function quoteOfProfile(
  state: State,
  clientId: string,
  { profileId, quoteId }: { readonly profileId: number; readonly quoteId: string },
  now: number,
): Quote | Refusal {
  const profile = ownProfile(state, clientId, profileId);
  if (isRefusal(profile)) return profile;
  const quote = ownQuote(state, clientId, quoteId, now);
  if (isRefusal(quote) || quote.profileId === profileId) return quote;
  return notFound('Quote', `quote ${quoteId} is not of profile ${profileId}`);
}
