import { z } from 'zod';
import { checkpointLineSchema, entryLineSchema } from '../../../audit/index.js';
import { environment, time } from './common.js';

export const auditListQuerySchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
  subject: z.string().max(200).optional(),
});

export const auditListSchema = z.object({
  /** The newest first. */
  entries: z
    .array(
      z.object({
        id: z.string(),
        occurredAt: time,
        environment: environment.nullable(),
        actor: z.string(),
        action: z.string(),
        subject: z.string(),
        details: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
        /** Null: not in the chain yet. */
        position: z.number().nullable(),
      }),
    )
    .readonly(),
});

export type AuditListBody = z.output<typeof auditListSchema>;

/** What comes after one place, up to another one. */
export const chainQuerySchema = z.strictObject({
  after: z.coerce.number().int().min(0),
  until: z.coerce.number().int().min(0),
});

/** An empty page: that was all. */
export const chainEntriesSchema = z.object({ entries: z.array(entryLineSchema).readonly() });

export const chainCheckpointsSchema = z.object({ checkpoints: z.array(checkpointLineSchema).readonly() });

export const chainStateSchema = z.object({
  unlinkedEntries: z.number(),
  lagSeconds: z.number(),
  checkpointAt: time.nullable(),
  /** What the server found changed behind its back; null for nothing. */
  fault: z.string().nullable(),
});

export type ChainStateBody = z.output<typeof chainStateSchema>;
