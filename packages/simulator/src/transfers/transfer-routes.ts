import { z } from 'zod';
import { type Answer, answer, conflict, isRefusal, type Refusal, unprocessable } from '../http/answers.js';
import {
  currencyField,
  idField,
  idText,
  listText,
  momentText,
  optional,
  textField,
  uuidField,
} from '../http/fields.js';
import { digestOf } from '../http/idempotence.js';
import { clientRoute, type Route } from '../http/route.js';
import { ownProfile } from '../profiles/profile.js';
import { ownQuote, usedUp } from '../quotes/quote.js';
import { ownRecipient } from '../recipients/recipient.js';
import { longestReference, transferRequirements } from '../recipients/requirements.js';
import { findByCustomerId } from '../state.js';
import type { World } from '../world.js';
import { cancel } from './advance-transfer.js';
import { fundTransfer, refused } from './fund-transfer.js';
import { currentTransfer, describeTransfer, ownTransfer, quoteOf, type Transfer } from './transfer.js';

const wishSchema = z.object({
  targetAccount: idField,
  sourceAccount: optional(idField),
  quoteUuid: uuidField,
  details: optional(
    z.object({
      reference: optional(textField(longestReference)),
      transferPurpose: optional(textField(100)),
      transferPurposeSubTransferPurpose: optional(textField(100)),
      sourceOfFunds: optional(textField(100)),
    }),
  ),
});

const transferSchema = wishSchema.extend({ customerTransactionId: uuidField });

const countText = (maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'is no number')
    .transform(Number)
    .refine((count) => count <= maximum, `is at most ${maximum}`);

const listSchema = z.object({
  profile: idText.optional(),
  status: listText.optional(),
  sourceCurrency: currencyField.optional(),
  targetCurrency: currencyField.optional(),
  createdDateStart: momentText.optional(),
  createdDateEnd: momentText.optional(),
  limit: countText(100).default(10),
  offset: countText(999_999_999).default(0),
});

const paymentSchema = z.object({
  type: z.enum(['BALANCE', 'TRUSTED_PRE_FUND_BULK', 'TRUSTED_PRE_FUND_TX']),
  balanceId: optional(idField),
});

const params = z.object({ transferId: idText });

const cancellableStates = new Set(['incoming_payment_waiting', 'processing']);

export const transferRoutes: readonly Route[] = [
  clientRoute({
    method: 'POST',
    path: '/v1/transfers',
    body: transferSchema,
    answer: ({ world, now, clientId, body }) => createTransfer(world, clientId, body, now),
  }),

  clientRoute({
    method: 'GET',
    path: '/v1/transfers',
    query: listSchema,
    answer: ({ world, now, clientId, query }) => {
      const { profile: profileId, status, createdDateStart: start, createdDateEnd: end, limit, offset } = query;
      const profile = profileId === undefined ? undefined : ownProfile(world.state, clientId, profileId);
      if (profile && isRefusal(profile)) return profile;
      const found = [...world.state.transfers.values()]
        .map((transfer) => currentTransfer(transfer, now))
        .filter((transfer) => {
          const { source, target } = quoteOf(world.state, transfer).price;
          return (
            transfer.clientId === clientId &&
            (profileId === undefined || transfer.profileId === profileId) &&
            (status === undefined || status.includes(transfer.state)) &&
            (query.sourceCurrency === undefined || source.currency === query.sourceCurrency) &&
            (query.targetCurrency === undefined || target.currency === query.targetCurrency) &&
            (start === undefined || transfer.createdAt >= start) &&
            (end === undefined || transfer.createdAt <= end)
          );
        });
      const page = found.reverse().slice(offset, offset + limit);
      return answer(page.map((transfer) => describeTransfer(transfer, world.state)));
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v1/transfers/:transferId',
    params,
    answer: ({ world, now, clientId, params: { transferId } }) => {
      const transfer = ownTransfer(world.state, clientId, transferId, now);
      return isRefusal(transfer) ? transfer : answer(describeTransfer(transfer, world.state));
    },
  }),

  clientRoute({
    method: 'PUT',
    path: '/v1/transfers/:transferId/cancel',
    params,
    answer: ({ world, now, clientId, params: { transferId } }) => {
      const transfer = ownTransfer(world.state, clientId, transferId, now);
      if (isRefusal(transfer)) return transfer;
      if (transfer.isCancelled) return answer(describeTransfer(transfer, world.state));
      if (!cancellableStates.has(transfer.state)) {
        const message = `a transfer that is ${transfer.state} can not be cancelled`;
        return conflict('transfer.cancellation.not.allowed', message);
      }
      return answer(describeTransfer(cancel(world, transfer), world.state));
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v1/transfer-requirements',
    body: wishSchema,
    answer: ({ world, now, clientId, body }) => {
      const wish = readWish(world, clientId, body, now);
      return isRefusal(wish) ? wish : answer(transferRequirements());
    },
  }),

  clientRoute({
    method: 'POST',
    path: '/v3/profiles/:profileId/transfers/:transferId/payments',
    params: z.object({ profileId: idText, transferId: idText }),
    // Read below, because funding has its own way to say what is wrong.
    body: z.unknown(),
    answer: ({ world, now, clientId, params: path, body }) => {
      const payment = paymentSchema.safeParse(body);
      if (!payment.success) return refused(400, 'invalid.request', 'the body is no payment');
      return fundTransfer(world, { clientId, ...path, ...payment.data }, now);
    },
  }),
];

function createTransfer(
  world: World,
  clientId: string,
  body: z.output<typeof transferSchema>,
  now: number,
): Answer | Refusal {
  const { customerTransactionId } = body;
  const bodyDigest = digestOf(body);
  const before = findByCustomerId(world.state, { clientId, customerTransactionId });
  if (before !== undefined) {
    if (before.bodyDigest === bodyDigest) return answer(describeTransfer(currentTransfer(before, now), world.state));
    return conflict('NOT_UNIQUE', 'was used for another transfer', 'customerTransactionId');
  }
  const wish = readWish(world, clientId, body, now);
  if (isRefusal(wish)) return wish;
  const { quote, recipient } = wish;
  const problem = usedUp(quote, now, 'quoteUuid');
  if (problem !== undefined) return problem;
  const record: Transfer = {
    id: world.newId(),
    clientId,
    profileId: quote.profileId,
    userId: quote.userId,
    createdAt: now,
    recipientId: recipient.id,
    sourceAccount: body.sourceAccount,
    quoteId: quote.id,
    customerTransactionId,
    bodyDigest,
    reference: body.details?.reference ?? null,
    state: 'incoming_payment_waiting',
    payment: null,
    isCancelled: false,
  };
  world.commit([
    { put: 'transfer', record },
    { put: 'quote', record: { ...quote, usedBy: record.id } },
  ]);
  return answer(describeTransfer(record, world.state));
}

/** The quote and the recipient of a transfer, which have to fit each other. */
function readWish(world: World, clientId: string, wish: z.output<typeof wishSchema>, now: number) {
  const quote = ownQuote(world.state, clientId, wish.quoteUuid, now);
  if (isRefusal(quote)) return quote;
  const recipient = ownRecipient(world.state, clientId, wish.targetAccount);
  if (isRefusal(recipient)) return recipient;
  const misfit = (message: string) => unprocessable('NOT_VALID', message, 'targetAccount');
  if (!recipient.active) return misfit('is inactive');
  if (recipient.profileId !== quote.profileId) return misfit('is of another profile than the quote');
  if (recipient.currency !== quote.price.target.currency) return misfit(`takes ${recipient.currency} only`);
  if (quote.targetAccount !== null && quote.targetAccount !== recipient.id) return misfit('is not that of the quote');
  if (quote.payOut === 'BANK_TRANSFER') return { quote, recipient };
  return unprocessable('NOT_VALID', 'the quote is for a balance of the profile', 'quoteUuid');
}
