// What a partner does, step by step, for tests that begin later in the story.

import { z } from 'zod';
import type { Said, TestSimulator } from './simulator-for-tests.js';

export const personalProfile = {
  firstName: 'Ada',
  lastName: 'Example',
  dateOfBirth: '1990-04-01',
  address: { addressFirstLine: '1 Main Street', city: 'London', countryIso3Code: 'gbr', postCode: 'N1 7AA' },
  contactDetails: { email: 'ada@example.com', phoneNumber: '+441234567890' },
};

export const businessProfile = {
  businessName: 'Example "Trade", Ltd',
  registrationNumber: '07209813',
  companyType: 'LIMITED',
  companyRole: 'OWNER',
  address: { addressFirstLine: '2 Main Street', city: 'Tallinn', countryIso3Code: 'EST', postCode: '10111' },
  webpage: 'https://example.com',
};

export const euroRecipient = {
  currency: 'EUR',
  type: 'iban',
  accountHolderName: 'Bea Receiver',
  details: { legalType: 'PRIVATE', IBAN: 'DE89370400440532013000' },
};

const withId = z.object({ id: z.number() });
const withUuid = z.object({ id: z.string() });

export function idOf(said: Said): number {
  return withId.parse(said.body).id;
}

export interface Partner {
  readonly clientId: string;
  readonly profileId: number;
  key(): Readonly<Record<string, string>>;
  call(call: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Said>;
  openBalance(currency: string, changes?: object): Promise<number>;
  topUp(balanceId: number, currency: string, amount: number): Promise<Said>;
  quote(changes?: object): Promise<string>;
  recipient(changes?: object): Promise<number>;
  /** Of a new quote to a new recipient, unless told otherwise. */
  transfer(changes?: object): Promise<number>;
  fund(transferId: number, body?: unknown): Promise<Said>;
  amountOf(balanceId: number): Promise<number>;
}

const balance = z.object({ amount: z.object({ value: z.number() }) });

let keys = 0;

export function newKey(): Readonly<Record<string, string>> {
  keys += 1;
  return { 'x-idempotence-uuid': `10000000-0000-4000-8000-${keys.toString(16).padStart(12, '0')}` };
}

/** A client with a profile of its own. */
export async function aPartner(
  simulator: Pick<TestSimulator, 'call'>,
  clientId: string,
  profile: object = personalProfile,
): Promise<Partner> {
  const kind = 'businessName' in profile ? '/v3/profiles/business-profile' : '/v2/profiles/personal-profile';
  const profileId = idOf(await simulator.call(clientId, `POST ${kind}`, profile, newKey()));
  const partner: Partner = {
    clientId,
    profileId,
    key: newKey,
    call: (call, body, headers) => simulator.call(clientId, call, body, headers),
    openBalance: async (currency, changes = {}) => {
      const body = { currency, type: 'STANDARD', ...changes };
      return idOf(await partner.call(`POST /v4/profiles/${profileId}/balances`, body, newKey()));
    },
    topUp: (balanceId, currency, amount) =>
      partner.call('POST /v1/simulation/balance/topup', { profileId, balanceId, currency, amount }),
    quote: async (changes = {}) => {
      const body = { sourceCurrency: 'GBP', targetCurrency: 'EUR', sourceAmount: 100, ...changes };
      return withUuid.parse((await partner.call(`POST /v3/profiles/${profileId}/quotes`, body)).body).id;
    },
    recipient: async (changes = {}) =>
      idOf(await partner.call('POST /v1/accounts', { ...euroRecipient, profile: profileId, ...changes })),
    transfer: async (changes = {}) => {
      const [, customerTransactionId] = Object.entries(newKey())[0] ?? [];
      const quoteUuid = 'quoteUuid' in changes ? undefined : await partner.quote();
      const targetAccount = 'targetAccount' in changes ? undefined : await partner.recipient();
      const body = { targetAccount, quoteUuid, customerTransactionId, details: { reference: 'rent' }, ...changes };
      return idOf(await partner.call('POST /v1/transfers', body));
    },
    fund: (transferId, body = { type: 'BALANCE' }) =>
      partner.call(`POST /v3/profiles/${profileId}/transfers/${transferId}/payments`, body),
    amountOf: async (balanceId) => {
      const said = await partner.call(`GET /v4/profiles/${profileId}/balances/${balanceId}`);
      return balance.parse(said.body).amount.value;
    },
  };
  return partner;
}
