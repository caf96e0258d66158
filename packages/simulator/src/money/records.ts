// Money and rates as the journal keeps them: a bigint is written as its decimal digits.

import { z } from 'zod';

const bigint = z.codec(z.string().regex(/^-?\d{1,40}$/), z.bigint(), {
  decode: (text) => BigInt(text),
  encode: (value) => value.toString(),
});

export const moneyRecord = z.object({ currency: z.string(), minorUnits: bigint });

export const decimalRecord = z.object({ digits: bigint, scale: z.number() });
