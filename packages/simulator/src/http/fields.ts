// Fields that many requests have.

import { z } from 'zod';
import { currencies } from '../money/currencies.js';
import { type Money, maximumAmount, parseAmount } from '../money/money.js';
import { invalid, type Refusal } from './answers.js';

const largestId = Number.MAX_SAFE_INTEGER;

/** In a body: a JSON number. */
export const idField = z.int().min(1);

/** In a path or query. One spelling only. */
export const idText = z
  .string()
  .regex(/^[1-9]\d{0,15}$/, 'is no id')
  .transform(Number)
  .refine((id) => id <= largestId, 'is no id');

export const uuidField = z
  .string()
  .regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'is no UUID')
  .transform((text) => text.toLowerCase());

export const currencyField = z.string().refine((code) => currencies.has(code), {
  message: 'is no currency of the simulator',
  params: { code: 'CurrencyCode' },
});

/** One line of text: what can not be seen has no place in a name. */
export function textField(maximumLength: number): z.ZodType<string, string> {
  return z
    .string()
    .trim()
    .min(1)
    .max(maximumLength)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'has control characters');
}

/** Absent and null mean the same. */
export function optional<Output>(field: z.ZodType<Output>): z.ZodType<Output | null> {
  return field.nullish().transform((value) => value ?? null);
}

/** A list in a query, with commas. */
export const listText = z.string().transform((text) => text.split(',').map((item) => item.trim()));

export const flagText = z.enum(['true', 'false']).transform((text) => text === 'true');

/** A day or a moment, in UTC; a day alone is its first moment. */
export const momentText = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()])
  .transform((text) => Date.parse(text));

export function readAmount(value: number, currency: string, path: string): Money | Refusal {
  const amount = parseAmount(value, currency);
  switch (amount) {
    case 'not positive':
      return invalid(path, 'error.greaterThanZero', 'must be greater than zero');
    case 'too large':
      return invalid(path, 'Size', `must be at most ${maximumAmount}`);
    case 'too many decimals':
      return invalid(path, 'NOT_VALID', `has more decimals than ${currency} has`);
    default:
      return amount;
  }
}
