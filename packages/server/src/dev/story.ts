// The part of the quick start that sends money: lines for one POSIX shell, which need nothing but curl and sed.

import { quote } from './shell-words.js';

/** @param explain the command, without the trace id */
export function renderStory(callsFile: string, explain: string, now: number): readonly string[] {
  return [
    '5. Send money, all in one shell. This brings "call", which is curl with certificate and token, and keeps the id in an',
    '   answer as $ID.',
    '',
    `   . ${quote(callsFile)}`,
    '',
    '6. Make a profile, and a balance with 500 pounds on it.',
    '',
    ...makeProfile,
    '',
    '7. Get a quote, and create a recipient and a transfer.',
    '',
    ...createTransfer,
    '',
    '8. Fund the transfer, and read the statement.',
    '',
    ...fund(now),
    '',
    '9. See the other partner refused at that profile, and ask why.',
    '',
    '   call_other GET /v2/profiles/$PROFILE',
    `   ${explain} $TRACE_ID`,
    '',
  ];
}

// The keys of profile and balance stay the same, so whoever pastes this twice gets the same two again.
const makeProfile = [
  "   call POST /v2/profiles/personal-profile '{",
  '     "firstName": "Example", "lastName": "Customer", "dateOfBirth": "1990-04-01",',
  '     "address": {"addressFirstLine": "1 Example Street", "city": "London", "countryIso3Code": "GBR", "postCode": "N1 9GU"},',
  '     "contactDetails": {"email": "customer@example.com", "phoneNumber": "+442079460000"}',
  "   }' --header 'X-idempotence-uuid: 7d2a4f86-52b1-4c0e-9c37-61f0d5a8e3b4'",
  '   PROFILE=$ID',
  `   call POST /v4/profiles/$PROFILE/balances '{"currency": "GBP", "type": "STANDARD"}' \\`,
  "     --header 'X-idempotence-uuid: c41e90b7-0f6d-4a58-8e92-3b7d12c6fa05'",
  '   BALANCE=$ID',
  "   call POST /v1/simulation/balance/topup '{",
  `     "profileId": '$PROFILE', "balanceId": '$BALANCE', "currency": "GBP", "amount": 500, "channel": "TRANSFER"`,
  "   }'",
];

// A quote is for one transfer, so its id is the key of the transfer too.
const createTransfer = [
  "   call POST /v3/profiles/$PROFILE/quotes '{",
  '     "sourceCurrency": "GBP", "targetCurrency": "EUR", "sourceAmount": 100',
  "   }'",
  '   QUOTE=$ID',
  "   call POST /v1/accounts '{",
  `     "profile": '$PROFILE', "currency": "EUR", "type": "iban", "accountHolderName": "Example Recipient",`,
  '     "details": {"legalType": "PRIVATE", "IBAN": "DE89370400440532013000"}',
  "   }'",
  '   RECIPIENT=$ID',
  "   call POST /v1/transfers '{",
  `     "targetAccount": '$RECIPIENT', "quoteUuid": "'$QUOTE'", "customerTransactionId": "'$QUOTE'",`,
  '     "details": {"reference": "Example"}',
  "   }'",
  '   TRANSFER=$ID',
];

const dayMs = 86_400_000;

function fund(now: number): readonly string[] {
  const day = (at: number): string => `${new Date(at).toISOString().slice(0, 10)}T00:00:00Z`;
  const statement = '/v1/profiles/$PROFILE/balance-statements/$BALANCE/statement.json';
  return [
    `   call POST /v3/profiles/$PROFILE/transfers/$TRANSFER/payments '{"type": "BALANCE"}'`,
    `   call GET "${statement}?currency=GBP&intervalStart=${day(now)}&intervalEnd=${day(now + 365 * dayMs)}"`,
  ];
}
