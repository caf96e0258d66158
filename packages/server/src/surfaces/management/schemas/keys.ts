import { z } from 'zod';
import { keyKinds } from '../../../platform/keys/rotatable-key.js';
import { environment, time } from './common.js';

const key = z.object({
  kind: z.enum(keyKinds),
  /** Null: one key for the whole installation. */
  environment: environment.nullable(),
  id: z.string(),
  /** `next`: published, and not used yet. `active`: makes what is new. `retired`: what it made is still good. */
  state: z.enum(['next', 'active', 'retired']),
  createdAt: time,
  activeFrom: time,
  /** When another one takes over; null when that is not known. */
  activeUntil: time.nullable(),
  /** Until when what it made is good; null when that is not known. */
  readableUntil: time.nullable(),
});

export type KeyBody = z.output<typeof key>;

/** `main` seals, `other` only opens, `missing` is not configured here. */
const masterKey = z.object({ id: z.string(), role: z.enum(['main', 'other', 'missing']), values: z.number() });

export type MasterKeyBody = z.output<typeof masterKey>;

export const keyListSchema = z.object({ keys: z.array(key), masterKeys: z.array(masterKey) });

export const keyKindParametersSchema = z.strictObject({ kind: z.enum(keyKinds) });

const shortestPublishSeconds = 5;
const longestPublishSeconds = 30 * 86_400;

export const rotateKeySchema = z.strictObject({
  /** Left out: both. */
  environment: environment.optional(),
  /** How long the new key is known before it is used; left out: what is usual for its kind. */
  publishSeconds: z.number().int().min(shortestPublishSeconds).max(longestPublishSeconds).optional(),
});

export const rotatedKeySchema = z.object({ keys: z.array(key) });

export const tokenKeyParametersSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{8}$/, 'must be the id of a token key: 8 hex digits'),
});

export const revokedTokenKeySchema = z.object({ environment });

export const resealedSchema = z.object({
  /** How many values another master key had sealed. */
  resealed: z.number(),
  masterKeys: z.array(masterKey),
});
