// All that the simulator knows: records by id, and the ledger. It changes by changes only, which are what the journal keeps.

import { z } from 'zod';
import { type Balance, balanceRecord } from './balances/balance.js';
import { emptyLedger, type Ledger, post, postingRecord } from './ledger/ledger.js';
import { type Profile, profileRecord } from './profiles/profile.js';
import { type Quote, quoteRecord } from './quotes/quote.js';
import { type Recipient, recipientRecord } from './recipients/recipient.js';
import { type Transfer, transferRecord } from './transfers/transfer.js';

/** What was answered to an idempotence key. */
const rememberedRecord = z.object({ key: z.string(), bodyDigest: z.string(), status: z.number(), answer: z.string() });
export type Remembered = Readonly<z.output<typeof rememberedRecord>>;

export const changeSchema = z.discriminatedUnion('put', [
  z.object({ put: z.literal('profile'), record: profileRecord }),
  z.object({ put: z.literal('quote'), record: quoteRecord }),
  z.object({ put: z.literal('recipient'), record: recipientRecord }),
  z.object({ put: z.literal('transfer'), record: transferRecord }),
  z.object({ put: z.literal('balance'), record: balanceRecord }),
  z.object({ put: z.literal('posting'), record: postingRecord }),
  z.object({ put: z.literal('remembered'), record: rememberedRecord }),
]);

export type Change = Readonly<z.output<typeof changeSchema>>;

export interface State {
  readonly profiles: Map<number, Profile>;
  readonly quotes: Map<string, Quote>;
  readonly recipients: Map<number, Recipient>;
  readonly transfers: Map<number, Transfer>;
  /** By client and the id it chose for a transfer. */
  readonly transferIds: Map<string, number>;
  readonly balances: Map<number, Balance>;
  readonly remembered: Map<string, Remembered>;
  readonly ledger: Ledger;
}

export function emptyState(): State {
  return {
    profiles: new Map(),
    quotes: new Map(),
    recipients: new Map(),
    transfers: new Map(),
    transferIds: new Map(),
    balances: new Map(),
    remembered: new Map(),
    ledger: emptyLedger(),
  };
}

export function apply(state: State, change: Change): void {
  switch (change.put) {
    case 'profile':
      state.profiles.set(change.record.id, change.record);
      break;
    case 'quote':
      state.quotes.set(change.record.id, change.record);
      break;
    case 'recipient':
      state.recipients.set(change.record.id, change.record);
      break;
    case 'transfer':
      state.transfers.set(change.record.id, change.record);
      state.transferIds.set(transferKey(change.record), change.record.id);
      break;
    case 'balance':
      state.balances.set(change.record.id, change.record);
      break;
    case 'posting':
      post(state.ledger, change.record);
      break;
    case 'remembered':
      state.remembered.set(change.record.key, change.record);
      break;
  }
}

export function findByCustomerId(state: State, chosen: ChosenId): Transfer | undefined {
  const id = state.transferIds.get(transferKey(chosen));
  return id === undefined ? undefined : state.transfers.get(id);
}

type ChosenId = Pick<Transfer, 'clientId' | 'customerTransactionId'>;

function transferKey({ clientId, customerTransactionId }: ChosenId): string {
  return `${clientId} ${customerTransactionId}`;
}
