import { z } from 'zod';
import { environment, time } from './common.js';

export const refusalParametersSchema = z.strictObject({
  traceId: z.string().regex(/^[0-9a-f]{32}$/, 'must be a trace id: 32 hex digits, from the x-trace-id header'),
});

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
  error: z.string().nullable(),
  steps: z.array(z.object({ name: z.string(), outcome: z.enum(['passed', 'failed', 'not run']) })).readonly(),
  expected: z.string(),
  seen: z.string(),
  remedy: z.string(),
  clientId: z.string().nullable(),
  clientNamed: z.string().nullable(),
  suppressedBefore: z.number(),
});

export type ExplainedRefusalBody = z.output<typeof explainedRefusalSchema>;
