import { z } from 'zod';
import { environment } from './common.js';

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
