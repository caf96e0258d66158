import { z } from 'zod';
import { parseAddressRange } from '../../../platform/listeners/address.js';
import { usedCertificate } from './certificates.js';
import { clientId, displayName, environment, time } from './common.js';
import { secret } from './secrets.js';
import { defaultQuietSeconds, quietSeconds } from './usage.js';

const changeable = {
  name: z.string(),
  mtlsRequired: z.boolean(),
  embeddedModel: z.boolean(),
  scaOff: z.boolean(),
  allowedAddresses: z.array(z.string()).readonly(),
  /** Null: the limits of the installation. */
  limits: z.object({ perSecond: z.number(), perMinute: z.number() }).nullable(),
  accessTokenLifetimeSeconds: z.number(),
};

const clientSummary = z.object({
  id: z.string(),
  environment,
  organisation: z.object({ id: z.string(), name: z.string() }),
  ...changeable,
  createdAt: time,
  revokedAt: time.nullable(),
});

export type ClientSummaryBody = z.output<typeof clientSummary>;

const changeableBody = z.object(changeable);

/** What an operator may change of a client. */
export type ChangeableBody = z.output<typeof changeableBody>;

export const clientListSchema = z.object({ clients: z.array(clientSummary).readonly() });

export const clientDetailsSchema = clientSummary.extend({
  secrets: z.array(secret).readonly(),
  certificates: z.array(usedCertificate).readonly(),
});

export type ClientDetailsBody = z.output<typeof clientDetailsSchema>;

export const clientListQuerySchema = z.strictObject({ environment: environment.optional() });

export const clientQuerySchema = z.strictObject({ quietSeconds: quietSeconds.default(defaultQuietSeconds) });

const addressRange = z.string().transform((text, context) => {
  const range = parseAddressRange(text.trim());
  if (range !== undefined) return range;
  context.addIssue(
    'must be an IPv4 or IPv6 address, or a CIDR block without bits behind the prefix, such as 203.0.113.0/24',
  );
  return z.NEVER;
});

const allowedAddresses = z.array(addressRange).max(100, 'must have at most 100 entries');

const rate = z.number().int().min(1).max(1_000_000);

const lifetimeSeconds = z.number().int().min(10).max(86_400);

/** The policy switches of a client. What is left out stays as it is. */
const policySwitches = {
  mtlsRequired: z.boolean().optional(),
  embeddedModel: z.boolean().optional(),
  scaOff: z.boolean().optional(),
  allowedAddresses: allowedAddresses.optional(),
  limits: z.strictObject({ perSecond: rate, perMinute: rate }).nullable().optional(),
  accessTokenLifetimeSeconds: lifetimeSeconds.optional(),
};

const policyBody = z.object(policySwitches);

export type PolicyBody = z.output<typeof policyBody>;

export const createClientSchema = z.strictObject({
  environment,
  organisation: displayName,
  name: displayName,
  ...policySwitches,
  csr: z.string().optional(),
});

export const updateClientSchema = z
  .strictObject({ name: displayName.optional(), ...policySwitches })
  .refine((changes) => Object.keys(changes).length > 0, 'must name at least one thing to change');

export const updatedClientSchema = z.object({
  client: clientDetailsSchema,
  /** What could be changed, as it was. */
  before: changeableBody,
  notice: z.string().optional(),
});

export const createdClientSchema = z.object({
  client: clientDetailsSchema,
  /** Shown here and never again. */
  secret: z.string(),
  certificate: z.object({ id: z.string(), chainPem: z.string(), notAfter: time }).optional(),
  /** What is still missing before the client can be used. */
  notice: z.string().optional(),
});

export const endedTokensSchema = z.object({ clientId: z.string() });

export const clientParametersSchema = z.strictObject({ id: clientId });
