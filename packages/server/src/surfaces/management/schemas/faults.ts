import { z } from 'zod';
import { clientId } from './common.js';

const effect = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('answer'),
    status: z.number().int().min(400).max(599),
    retryAfterSeconds: z.number().int().min(0).max(86_400).optional(),
    /** RFC 6749 section 5.2: the characters of an `error`. */
    code: z
      .string()
      .regex(/^[\x20\x21\x23-\x5b\x5d-\x7e]{1,100}$/, 'must have 1 to 100 printable characters without " and \\')
      .optional(),
    body: z.json().optional(),
  }),
  z.strictObject({ kind: z.literal('reset') }),
  z.strictObject({ kind: z.literal('no-answer') }),
]);

export const addFaultSchema = z.strictObject({
  clientId: clientId.optional(),
  method: z
    .string()
    .regex(/^[A-Z]{1,20}$/, 'must be a method in capital letters, such as POST')
    .optional(),
  path: z.string().startsWith('/', 'must begin with /').max(200).optional(),
  times: z.number().int().min(1).max(1_000_000).default(1),
  effect,
});

export const faultSchema = addFaultSchema.extend({ id: z.number(), times: z.number(), left: z.number() });

export type FaultBody = z.output<typeof faultSchema>;

export const faultListSchema = z.object({ faults: z.array(faultSchema).readonly() });

export const clearedFaultsSchema = z.object({ cleared: z.number() });
