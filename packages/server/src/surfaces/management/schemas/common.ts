// What the schemas of the management API share. The server checks both directions by them; the command line reads the answers by the
// same ones.

import { environments } from '@tollward/protocol';
import { z } from 'zod';
import { isId } from '../../../platform/ids.js';

export const environment = z.enum(environments);

export const clientId = z.string().refine((text) => isId('cli', text), 'must be a client id: cli_ and 32 hex digits');

/** A time is a Date on both sides and ISO 8601 in UTC between them. */
export const time = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

/** A name people read on terminals and pages, so nothing invisible in it. */
export const displayName = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(100, 'must have at most 100 characters')
  .regex(/^[^\p{C}\p{Zl}\p{Zp}]*$/u, 'must have no invisible characters');

export const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  code: z.string(),
  detail: z.string(),
});

export type Problem = z.output<typeof problemSchema>;

export const revocationSchema = z.object({
  alreadyRevoked: z.boolean(),
  /** What the client can not do now, if that is not what one would expect. */
  notice: z.string().optional(),
});

export const environmentParametersSchema = z.strictObject({ environment });
