// An account that money is sent to.

import { z } from 'zod';
import { notFound, type Refusal } from '../http/answers.js';
import type { State } from '../state.js';

export const recipientRecord = z.object({
  id: z.number(),
  clientId: z.string(),
  profileId: z.number(),
  userId: z.number(),
  currency: z.string(),
  country: z.string().nullable(),
  type: z.string(),
  accountHolderName: z.string(),
  ownedByCustomer: z.boolean(),
  legalType: z.string(),
  details: z.record(z.string(), z.string()),
  active: z.boolean(),
});

export type Recipient = Readonly<z.output<typeof recipientRecord>>;

/** The recipient, if this client made it. Inactive ones can still be read. */
export function ownRecipient(state: State, clientId: string, accountId: number): Recipient | Refusal {
  const recipient = state.recipients.get(accountId);
  if (recipient === undefined) return notFound('Account', `there is no recipient ${accountId}`);
  if (recipient.clientId === clientId) return recipient;
  return notFound('Account', `recipient ${accountId} belongs to another client`);
}

export function describeRecipient(recipient: Recipient): object {
  const { id, profileId, userId, accountHolderName, currency, country, type, active, ownedByCustomer } = recipient;
  return {
    id,
    profile: profileId,
    user: userId,
    accountHolderName,
    currency,
    country,
    type,
    active,
    ownedByCustomer,
    details: { legalType: recipient.legalType, ...recipient.details },
  };
}
