import { z } from 'zod';

export const awaitNodesSchema = z.strictObject({
  /** The id of a client, a client secret or a certificate. */
  subject: z.string().min(1).max(100),
  timeoutSeconds: z.number().int().min(0).max(25).default(10),
});

export const awaitedNodesSchema = z.object({
  nodes: z.array(z.object({ id: z.string(), name: z.string(), state: z.enum(['confirmed', 'refusing', 'waiting']) })),
});
