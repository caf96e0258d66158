import { z } from 'zod';
import { environment } from './common.js';

export const statusSchema = z.object({
  version: z.string(),
  pid: z.number(),
  startedAt: z.iso.datetime(),
  listeners: z.array(z.object({ environment, listener: z.string(), url: z.string() })),
  ready: z.boolean(),
  /** What readiness is made of. */
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string().optional() })),
  /** The id of this node; null on a database that nobody shares. */
  node: z.string().nullable(),
  /** How far the clock of this machine is ahead of the database's; null when the database does not answer. */
  clockSkewMs: z.number().nullable(),
});

export type StatusBody = Omit<z.output<typeof statusSchema>, 'clockSkewMs'>;
