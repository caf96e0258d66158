import { z } from 'zod';
import { time } from './common.js';

/** Where a credential was used from, the latest first. */
export const credentialUse = z.object({
  address: z.string(),
  /** The certificate of the connection; null for none. */
  certificateId: z.string().nullable(),
  uses: z.number(),
  lastUsedAt: time.nullable(),
  /** Requests in which it was proved, and that were refused, for whatever reason. */
  refused: z.number(),
  lastRefusedAt: time.nullable(),
});

export type CredentialUseBody = z.output<typeof credentialUse>;

/** What speaks for and against taking a credential out of use, as far as its uses tell. */
export const retirement = z.object({
  /** From when on no call would fail, if nobody uses it until then; null: now, or it is out of use already. */
  safeFrom: time.nullable(),
  /** The client has one that was made later and is in force. */
  hasSuccessor: z.boolean(),
});

/** How long a credential has to be unused before it counts as safe to retire. */
export const quietSeconds = z.coerce
  .number()
  .int()
  .min(1)
  .max(90 * 86_400);

export const defaultQuietSeconds = 86_400;

/** With quietSeconds: only when the credential was not used for that long; otherwise 409 and nothing happens. */
export const retireSchema = z.strictObject({ quietSeconds: quietSeconds.optional() }).nullish();

/** 0 ends a pause. */
export const pauseSchema = z.strictObject({ seconds: z.number().int().min(0).max(3_600) });

export const pausedSchema = z.object({ pausedUntil: time.nullable() });
