// The members that the contract lists, copied by hand from its text and from nothing else. `*`: required.

import { openWireDescription } from '@tollward/server/documents';
import { expect, test } from 'vitest';
import { describeDefaultWireSurface } from './document.js';

const contract: Readonly<Record<string, string>> = {
  Token: 'access_token* token_type* expires_in* expires_at* scope*',
  OAuthError: 'error* error_description*',
  StatusError: 'timestamp* status* error* message* path*',
  ErrorList: 'errors* timestamp',
  'ErrorList errors': 'code message path arguments',
  PersonalProfileRequest:
    'firstName* lastName* dateOfBirth* address* contactDetails* nationality preferredName externalCustomerId occupations',
  BusinessProfileRequest:
    'businessName registrationNumber companyType companyRole address industryCategories webpage operationalAddresses businessRepresentative actorEmail externalCustomerId',
  Address: 'addressFirstLine* city* countryIso3Code* postCode stateCode',
  ContactDetails: 'email* phoneNumber',
  StoredAddress: 'id addressFirstLine city countryIso2Code countryIso3Code postCode stateCode',
  PersonalProfile:
    'type id publicId userId address email createdAt updatedAt currentState contactDetails fullName firstName lastName preferredName dateOfBirth phoneNumber avatar secondaryAddresses',
  BusinessProfile:
    'type id publicId userId address email createdAt updatedAt currentState contactDetails fullName businessName registrationNumber descriptionOfBusiness webpage companyType companyRole industryCategories firstLevelCategory secondLevelCategory operationalAddresses',
  ProfilesV1: 'id type details',
  QuoteRequest:
    'sourceCurrency* targetCurrency* sourceAmount targetAmount targetAccount payOut preferredPayIn paymentMetadata pricingConfiguration',
  QuotePatch: 'targetAccount payOut paymentMetadata',
  Quote:
    'id sourceCurrency targetCurrency sourceAmount targetAmount rate createdTime user profile rateType rateExpirationTime payOut providedAmountType guaranteedTargetAmount paymentOptions',
  PaymentOption: 'disabled estimatedDelivery fee price sourceAmount targetAmount payIn payOut',
  'PaymentOption fee': 'transferwise payIn discount partner total',
  RecipientRequest: 'currency type profile accountHolderName ownedByCustomer details',
  RecipientPage: 'content sort size seekPositionForCurrent seekPositionForNext',
  TransferRequest: 'targetAccount* quoteUuid* customerTransactionId* sourceAccount details',
  'TransferRequest details': 'reference transferPurpose transferPurposeSubTransferPurpose sourceOfFunds',
  Transfer:
    'id user targetAccount sourceAccount quote quoteUuid status reference rate created business transferRequest details hasActiveIssues sourceCurrency sourceValue targetCurrency targetValue customerTransactionId payinSessionId',
  PaymentRequest: 'type balanceId partnerReference',
  Payment: 'type status balanceTransactionId errorCode',
  BalanceRequest: 'currency type name',
  Balance:
    'id currency type name icon investmentState amount reservedAmount cashAmount totalWorth creationTime modificationTime visible',
  Money: 'value currency',
  Statement: 'accountHolder issuer bankDetails transactions endOfStatementBalance query',
  StatementTransaction: 'type date amount totalFees details exchangeDetails runningBalance referenceNumber',
  TopUpRequest: 'profileId balanceId currency amount channel',
};

const { schemas } = openWireDescription()();

/** A schema by its name, or that of a member: of each item, where it is a list. */
function lookUp(name: string): { readonly properties: object; readonly required?: readonly string[] } {
  const [first = '', member] = name.split(' ');
  const itemsOf = (schema: unknown) => (schema as { items?: unknown }).items ?? schema;
  const whole = itemsOf(schemas[first]) as { properties: Record<string, unknown> };
  return (member === undefined ? whole : itemsOf(whole.properties[member])) as ReturnType<typeof lookUp>;
}

test.each(Object.entries(contract))('[OAS-02] %s has every member that the contract lists', (name, text) => {
  const members = text.split(' ');
  const { properties, required = [] } = lookUp(name);
  expect(Object.keys(properties)).toEqual(expect.arrayContaining(members.map((member) => member.replace('*', ''))));
  const needed = members.filter((member) => member.endsWith('*')).map((member) => member.slice(0, -1));
  expect(required).toEqual(expect.arrayContaining(needed));
});

test('[OAS-03] ids are integers of 64 bits', () => {
  expect(schemas['Id']).toMatchObject({ type: 'integer', format: 'int64' });
  const id = { $ref: '#/components/schemas/Id' };
  for (const name of ['PersonalProfile', 'BusinessProfile', 'Recipient', 'Transfer', 'Balance', 'StoredAddress']) {
    expect(lookUp(name).properties).toMatchObject({ id });
  }
  expect(lookUp('Quote').properties).toMatchObject({ id: { type: 'string', format: 'uuid' } });
});

test('every schema, parameter and route that is described is one of the policy that comes with the program', () => {
  const described = openWireDescription()();
  const text = JSON.stringify(describeDefaultWireSurface());
  const { components, paths } = JSON.parse(text) as { components: { schemas: object }; paths: Record<string, object> };
  expect(Object.keys(described.schemas).sort()).toEqual(Object.keys(components.schemas).sort());
  const calls = Object.entries(paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(calls).toEqual(expect.arrayContaining(Object.keys(described.routes)));
  for (const name of Object.keys(described.parameters)) expect(text).toContain(`{${name}}`);
  expect(text).not.toContain('As the API behind this gateway has it');
  expect(text).not.toContain('"tags":["Other"]');
});
