// What has to be known of an account before money can go there, by the kind of account.

export interface RecipientField {
  readonly key: string;
  readonly name: string;
  readonly example: string;
  readonly format: RegExp;
  readonly minimumLength: number;
  readonly maximumLength: number;
  readonly allowed?: readonly string[];
  readonly isRight?: (value: string) => boolean;
}

export interface RecipientType {
  readonly type: string;
  readonly title: string;
  /** Undefined: any. */
  readonly currencies?: ReadonlySet<string>;
  readonly fields: readonly RecipientField[];
  /** Alpha-2. */
  countryOf(details: Readonly<Record<string, string>>): string | null;
}

const types: readonly RecipientType[] = [
  {
    type: 'iban',
    title: 'IBAN',
    currencies: new Set(['CHF', 'CZK', 'DKK', 'EUR', 'HUF', 'NOK', 'PLN', 'RON', 'SEK']),
    fields: [
      {
        key: 'IBAN',
        name: 'IBAN',
        example: 'DE89370400440532013000',
        format: /^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/,
        minimumLength: 15,
        maximumLength: 34,
        isRight: hasRightIbanCheck,
      },
    ],
    countryOf: ({ IBAN = '' }) => IBAN.slice(0, 2),
  },
  {
    type: 'sort_code',
    title: 'UK account',
    currencies: new Set(['GBP']),
    fields: [digits('sortCode', 'Sort code', '231470', 6), digits('accountNumber', 'Account number', '28821822', 8)],
    countryOf: () => 'GB',
  },
  {
    type: 'aba',
    title: 'US account',
    currencies: new Set(['USD']),
    fields: [
      digits('abartn', 'Routing number', '111000025', 9),
      digits('accountNumber', 'Account number', '12345678', 4, 17),
      {
        key: 'accountType',
        name: 'Account type',
        example: 'CHECKING',
        format: /^(CHECKING|SAVINGS)$/,
        minimumLength: 7,
        maximumLength: 8,
        allowed: ['CHECKING', 'SAVINGS'],
      },
    ],
    countryOf: () => 'US',
  },
  {
    type: 'swift_code',
    title: 'Account with a SWIFT code',
    fields: [
      {
        key: 'swiftCode',
        name: 'SWIFT code',
        example: 'DEUTDEFF',
        format: /^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$/,
        minimumLength: 8,
        maximumLength: 11,
      },
      {
        key: 'accountNumber',
        name: 'Account number',
        example: '1234567890',
        format: /^[A-Za-z0-9]{4,34}$/,
        minimumLength: 4,
        maximumLength: 34,
      },
    ],
    countryOf: ({ swiftCode = '' }) => swiftCode.slice(4, 6),
  },
];

export const recipientTypes: ReadonlyMap<string, RecipientType> = new Map(types.map((one) => [one.type, one]));

export function typesFor(currency: string): RecipientType[] {
  return types.filter((one) => one.currencies?.has(currency) ?? true);
}

function digits(key: string, name: string, example: string, minimumLength: number, maximumLength = minimumLength) {
  const format = new RegExp(`^\\d{${minimumLength},${maximumLength}}$`);
  return { key, name, example, format, minimumLength, maximumLength };
}

/** ISO 13616: the first four characters to the end, letters as numbers, and the remainder by 97 is one. */
function hasRightIbanCheck(iban: string): boolean {
  const moved = iban.slice(4) + iban.slice(0, 4);
  const number = moved.replace(/[A-Z]/g, (letter) => Number.parseInt(letter, 36).toString());
  return BigInt(number) % 97n === 1n;
}
