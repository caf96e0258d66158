// The currencies of the simulated world. Rates are made up, near those of the real one, and never change: a test that was right
// yesterday is right today.

export interface Currency {
  readonly code: string;
  readonly name: string;
  readonly symbol: string;
  /** Decimal places, ISO 4217. */
  readonly exponent: number;
  /** What one euro buys. */
  readonly perEuro: string;
  readonly countryKeywords: readonly string[];
}

const table: readonly (readonly [string, string, string, number, string, ...string[]])[] = [
  ['AED', 'United Arab Emirates dirham', 'AED', 2, '3.9815', 'AE', 'United Arab Emirates'],
  ['AUD', 'Australian dollar', 'A$', 2, '1.6462', 'AU', 'Australia'],
  ['BHD', 'Bahraini dinar', 'BD', 3, '0.40867', 'BH', 'Bahrain'],
  ['BRL', 'Brazilian real', 'R$', 2, '5.9120', 'BR', 'Brazil'],
  ['CAD', 'Canadian dollar', 'C$', 2, '1.4817', 'CA', 'Canada'],
  ['CHF', 'Swiss franc', 'CHF', 2, '0.9534', 'CH', 'Switzerland'],
  ['CZK', 'Czech koruna', 'Kč', 2, '25.184', 'CZ', 'Czechia'],
  ['DKK', 'Danish krone', 'kr', 2, '7.4582', 'DK', 'Denmark'],
  ['EUR', 'Euro', '€', 2, '1', 'EE', 'DE', 'FR', 'Euro area'],
  ['GBP', 'British pound', '£', 2, '0.8436', 'GB', 'United Kingdom'],
  ['HKD', 'Hong Kong dollar', 'HK$', 2, '8.4710', 'HK', 'Hong Kong'],
  ['HUF', 'Hungarian forint', 'Ft', 2, '393.15', 'HU', 'Hungary'],
  ['IDR', 'Indonesian rupiah', 'Rp', 2, '17125', 'ID', 'Indonesia'],
  ['INR', 'Indian rupee', '₹', 2, '91.243', 'IN', 'India'],
  ['JPY', 'Japanese yen', '¥', 0, '162.35', 'JP', 'Japan'],
  ['KRW', 'South Korean won', '₩', 0, '1478.9', 'KR', 'South Korea'],
  ['MXN', 'Mexican peso', 'MX$', 2, '20.017', 'MX', 'Mexico'],
  ['NOK', 'Norwegian krone', 'kr', 2, '11.736', 'NO', 'Norway'],
  ['NZD', 'New Zealand dollar', 'NZ$', 2, '1.7823', 'NZ', 'New Zealand'],
  ['PHP', 'Philippine peso', '₱', 2, '62.118', 'PH', 'Philippines'],
  ['PLN', 'Polish zloty', 'zł', 2, '4.2893', 'PL', 'Poland'],
  ['RON', 'Romanian leu', 'lei', 2, '4.9758', 'RO', 'Romania'],
  ['SEK', 'Swedish krona', 'kr', 2, '11.412', 'SE', 'Sweden'],
  ['SGD', 'Singapore dollar', 'S$', 2, '1.4446', 'SG', 'Singapore'],
  ['THB', 'Thai baht', '฿', 2, '37.025', 'TH', 'Thailand'],
  ['TRY', 'Turkish lira', '₺', 2, '36.874', 'TR', 'Türkiye'],
  ['USD', 'United States dollar', '$', 2, '1.0841', 'US', 'United States'],
  ['ZAR', 'South African rand', 'R', 2, '19.406', 'ZA', 'South Africa'],
];

export const currencies: ReadonlyMap<string, Currency> = new Map(
  table.map(([code, name, symbol, exponent, perEuro, ...countryKeywords]) => [
    code,
    { code, name, symbol, exponent, perEuro, countryKeywords },
  ]),
);

export function currencyOf(code: string): Currency {
  const currency = currencies.get(code);
  if (currency === undefined) throw new Error(`the simulator has no currency ${code}`);
  return currency;
}
