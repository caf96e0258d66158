// What the management API takes and answers. The server checks both directions by these schemas; the command line reads
// the answers by the same ones.

import { environments } from '@tollward/protocol';
import { z } from 'zod';
import { isId } from '../../platform/ids.js';

const environment = z.enum(environments);

/** A time is a Date on both sides and ISO 8601 in UTC between them. */
const time = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

/** A name people read on terminals and pages, so nothing invisible in it. */
const displayName = z
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

export const statusSchema = z.object({
  version: z.string(),
  pid: z.number(),
  startedAt: z.iso.datetime(),
  listeners: z.array(z.object({ environment, listener: z.string(), url: z.string() })),
  ready: z.boolean(),
  /** How far the clock of this machine is ahead of the database's; null when the database does not answer. */
  clockSkewMs: z.number().nullable(),
});
export type StatusBody = Omit<z.output<typeof statusSchema>, 'clockSkewMs'>;

const clientSummary = z.object({
  id: z.string(),
  environment,
  name: z.string(),
  organisation: z.object({ id: z.string(), name: z.string() }),
  mtlsRequired: z.boolean(),
  accessTokenLifetimeSeconds: z.number(),
  createdAt: time,
  revokedAt: time.nullable(),
});
export type ClientSummaryBody = z.output<typeof clientSummary>;

export const clientListSchema = z.object({ clients: z.array(clientSummary) });

export const clientDetailsSchema = clientSummary.extend({
  secrets: z.array(
    z.object({
      id: z.string(),
      hint: z.string(),
      createdAt: time,
      usableUntil: time.nullable(),
      revokedAt: time.nullable(),
    }),
  ),
  certificates: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      sha256: z.string(),
      subject: z.string(),
      issuer: z.string(),
      serialNumber: z.string(),
      keyType: z.string(),
      notBefore: time,
      notAfter: time,
      revokedAt: time.nullable(),
    }),
  ),
});
export type ClientDetailsBody = z.output<typeof clientDetailsSchema>;

export const clientListQuerySchema = z.strictObject({ environment: environment.optional() });

export const createClientSchema = z.strictObject({
  environment,
  organisation: displayName,
  name: displayName,
  mtlsRequired: z.boolean().default(true),
  csr: z.string().optional(),
});

export const createdClientSchema = z.object({
  client: clientDetailsSchema,
  /** Shown here and never again. */
  secret: z.string(),
  certificate: z.object({ id: z.string(), chainPem: z.string(), notAfter: time }).optional(),
  /** What is still missing before the client can be used. */
  notice: z.string().optional(),
});

export const revocationSchema = z.object({ alreadyRevoked: z.boolean() });

export const clientParametersSchema = z.strictObject({
  id: z.string().refine((text) => isId('cli', text), 'must be a client id: cli_ and 32 hex digits'),
});
export const certificateParametersSchema = z.strictObject({
  id: z.string().refine((text) => isId('crt', text), 'must be a certificate id: crt_ and 32 hex digits'),
});
export const refusalParametersSchema = z.strictObject({
  traceId: z.string().regex(/^[0-9a-f]{32}$/, 'must be a trace id: 32 hex digits, from the x-trace-id header'),
});

export const tokenInspectionRequestSchema = z.strictObject({ token: z.string().min(1, 'must not be empty') });

export const tokenInspectionSchema = z.discriminatedUnion('readable', [
  z.object({ readable: z.literal(false), problem: z.string() }),
  z.object({
    readable: z.literal(true),
    environment,
    claims: z.object({
      kind: z.literal('client_credentials'),
      tokenId: z.string(),
      issuedAt: time,
      expiresAt: time,
      clientId: z.string(),
      secretId: z.string(),
      /** Null: bound to no certificate. */
      binding: z.object({ certificateId: z.string(), thumbprint: z.string() }).nullable(),
    }),
    inForce: z.boolean(),
    problem: z.string().nullable(),
  }),
]);
export type TokenInspectionBody = z.output<typeof tokenInspectionSchema>;

export const explainedRefusalSchema = z.object({
  traceId: z.string(),
  occurredAt: time,
  environment,
  listener: z.string(),
  method: z.string(),
  path: z.string(),
  address: z.string(),
  correlationId: z.string().nullable(),
  code: z.string(),
  status: z.number(),
  error: z.string(),
  steps: z.array(z.object({ name: z.string(), outcome: z.enum(['passed', 'failed', 'not run']) })),
  expected: z.string(),
  seen: z.string(),
  remedy: z.string(),
  clientId: z.string().nullable(),
  clientNamed: z.string().nullable(),
  suppressedBefore: z.number(),
});
export type ExplainedRefusalBody = z.output<typeof explainedRefusalSchema>;
