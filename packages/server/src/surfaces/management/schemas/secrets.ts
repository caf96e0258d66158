import { z } from 'zod';
import { isId } from '../../../platform/ids.js';
import { time } from './common.js';
import { credentialUse, retirement } from './usage.js';

export const secret = z.object({
  id: z.string(),
  hint: z.string(),
  /** `in force` gets tokens; `ending` too, until usableUntil; `replaced` gets no more; `revoked` ended its tokens as well. */
  state: z.enum(['in force', 'ending', 'replaced', 'revoked']),
  createdAt: time,
  usableUntil: time.nullable(),
  pausedUntil: time.nullable(),
  revokedAt: time.nullable(),
  lastUsedAt: time.nullable(),
  /** By anybody, refused or not. */
  lastTriedAt: time.nullable(),
  /** When the last access token it got runs out. */
  tokensUntil: time.nullable(),
  uses: z.array(credentialUse).readonly(),
  retirement,
});

export type SecretBody = z.output<typeof secret>;

export const rotateSecretSchema = z.strictObject({
  /** How long the secret in force until now still gets tokens: 0 to 7 days. */
  overlapSeconds: z
    .number()
    .int()
    .min(0)
    .max(7 * 86_400)
    .default(86_400),
  /** Also when a rotation is open already: the oldest secret then ends at once. */
  force: z.boolean().default(false),
});

export const rotatedSecretSchema = z.object({
  id: z.string(),
  /** Shown here and never again. */
  secret: z.string(),
  /** Secrets that get tokens until then. */
  ending: z.array(z.object({ id: z.string(), hint: z.string(), usableUntil: time })),
  /** Secrets that were ended at once. */
  ended: z.array(z.object({ id: z.string(), hint: z.string() })),
});

export const endedSecretSchema = z.object({
  usableUntil: time,
  alreadyEnded: z.boolean(),
  notice: z.string().optional(),
});

export const secretParametersSchema = z.strictObject({
  id: z.string().refine((text) => isId('sec', text), 'must be a secret id: sec_ and 32 hex digits'),
});
