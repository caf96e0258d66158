import { z } from 'zod';
import { answer, invalid, isRefusal, type Refusal, refusedWith, type WireError } from '../http/answers.js';
import { currencyField, flagText, idField, idText, optional, textField, uuidField } from '../http/fields.js';
import { clientRoute, type Route } from '../http/route.js';
import { ownProfile } from '../profiles/profile.js';
import { ownQuote } from '../quotes/quote.js';
import { describeRecipient, ownRecipient, type Recipient } from './recipient.js';
import { type RecipientType, recipientTypes } from './recipient-types.js';
import { recipientRequirements } from './requirements.js';

const recipientSchema = z.object({
  profile: idField,
  currency: currencyField,
  type: z.string().max(50),
  accountHolderName: textField(140),
  ownedByCustomer: optional(z.boolean()),
  details: z.record(z.string(), z.unknown()),
});

const listSchema = z.object({
  profileId: idText.optional(),
  profile: idText.optional(),
  creatorId: idText.optional(),
  currency: currencyField.optional(),
  type: z.string().optional(),
  active: flagText.optional(),
  ownedByCustomer: flagText.optional(),
  size: z
    .string()
    .regex(/^([1-9]|1\d|20)$/, 'is a number from 1 to 20')
    .transform(Number)
    .default(10),
  seekPosition: z.union([z.literal('0').transform(() => 0), idText]).default(0),
  sort: z.enum(['id,asc', 'id,desc']).default('id,asc'),
});

const params = z.object({ accountId: idText });
const quoteParams = z.object({ quoteId: uuidField });

/** What the type asks for, and nothing else of what was sent. */
function readDetails(type: RecipientType, sent: Readonly<Record<string, unknown>>): Record<string, string> | Refusal {
  const details: Record<string, string> = {};
  const errors: WireError[] = [];
  for (const { key, format, isRight } of type.fields) {
    // Clients of different age write IBAN in two ways.
    const value = sent[key] ?? sent[key.toLowerCase()];
    const text = typeof value === 'string' ? value.replaceAll(' ', '') : '';
    const path = `details.${key}`;
    if (value === undefined || value === null) errors.push({ code: 'NotNull', message: 'is required', path });
    else if (!format.test(text) || isRight?.(text) === false)
      errors.push({ code: 'NOT_VALID', message: 'is not valid', path });
    else details[key] = text;
  }
  return errors.length === 0 ? details : refusedWith(400, errors);
}

const legalTypes = new Set<unknown>(['PRIVATE', 'BUSINESS']);

const readRecipientRoutes = ['/v1/accounts/:accountId', '/v2/accounts/:accountId'].map((path) =>
  clientRoute({
    method: 'GET',
    path,
    params,
    answer: ({ world, clientId, params: { accountId } }) => {
      const recipient = ownRecipient(world.state, clientId, accountId);
      return isRefusal(recipient) ? recipient : answer(describeRecipient(recipient));
    },
  }),
);

const requirementRoutes = (['GET', 'POST'] as const).map((method) =>
  clientRoute({
    method,
    path: '/v1/quotes/:quoteId/account-requirements',
    params: quoteParams,
    // No field here changes what others are asked for, so what was filled in so far makes no difference.
    answer: ({ world, now, clientId, params: { quoteId } }) => {
      const quote = ownQuote(world.state, clientId, quoteId, now);
      return isRefusal(quote) ? quote : answer(recipientRequirements(quote.price.target.currency));
    },
  }),
);

export const recipientRoutes: readonly Route[] = [
  clientRoute({
    method: 'POST',
    path: '/v1/accounts',
    body: recipientSchema,
    answer: ({ world, clientId, body }) => {
      const { currency, accountHolderName } = body;
      const profile = ownProfile(world.state, clientId, body.profile);
      if (isRefusal(profile)) return profile;
      const type = recipientTypes.get(body.type);
      if (type === undefined || type.currencies?.has(currency) === false) {
        return invalid('type', 'NOT_VALID', `is no type for ${currency}`);
      }
      const { legalType = 'PRIVATE' } = body.details;
      if (!legalTypes.has(legalType)) return invalid('details.legalType', 'NOT_VALID', 'is PRIVATE or BUSINESS');
      const details = readDetails(type, body.details);
      if (isRefusal(details)) return details;
      const record: Recipient = {
        id: world.newId(),
        clientId,
        profileId: profile.id,
        userId: profile.userId,
        currency,
        country: type.countryOf(details),
        type: type.type,
        accountHolderName,
        ownedByCustomer: body.ownedByCustomer ?? false,
        legalType: String(legalType),
        details,
        active: true,
      };
      world.commit([{ put: 'recipient', record }]);
      return answer(describeRecipient(record));
    },
  }),

  clientRoute({
    method: 'GET',
    path: '/v2/accounts',
    query: listSchema,
    answer: ({ world, clientId, query }) => {
      const { size, seekPosition, sort, currency, type, active, ownedByCustomer, creatorId } = query;
      const profileId = query.profileId ?? query.profile;
      const profile = profileId === undefined ? undefined : ownProfile(world.state, clientId, profileId);
      if (profile && isRefusal(profile)) return profile;
      const descending = sort === 'id,desc';
      const found = [...world.state.recipients.values()].filter(
        (one) =>
          one.clientId === clientId &&
          (profileId === undefined || one.profileId === profileId) &&
          (creatorId === undefined || one.userId === creatorId) &&
          (currency === undefined || one.currency === currency) &&
          (type === undefined || one.type === type) &&
          one.active === (active ?? true) &&
          (ownedByCustomer === undefined || one.ownedByCustomer === ownedByCustomer) &&
          (seekPosition === 0 || (descending ? one.id < seekPosition : one.id > seekPosition)),
      );
      if (descending) found.reverse();
      const content = found.slice(0, size);
      const last = content.at(-1);
      return answer({
        content: content.map(describeRecipient),
        sort: { empty: false, sorted: true, unsorted: false },
        size,
        seekPositionForCurrent: seekPosition,
        // Zero: there is no next page.
        seekPositionForNext: last !== undefined && found.length > size ? last.id : 0,
      });
    },
  }),

  ...readRecipientRoutes,

  clientRoute({
    method: 'DELETE',
    path: '/v2/accounts/:accountId',
    params,
    answer: ({ world, clientId, params: { accountId } }) => {
      const recipient = ownRecipient(world.state, clientId, accountId);
      if (isRefusal(recipient)) return recipient;
      if (!recipient.active) {
        const message = 'The account is inactive already';
        return { refusal: `recipient ${accountId} is inactive`, status: 403, shape: { kind: 'status', message } };
      }
      const record: Recipient = { ...recipient, active: false };
      world.commit([{ put: 'recipient', record }]);
      return answer(describeRecipient(record));
    },
  }),

  ...requirementRoutes,
];
