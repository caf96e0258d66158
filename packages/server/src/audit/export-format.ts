// An exported chain: JSON lines. A header, then entries and checkpoints in order, each checkpoint behind the last entry it covers,
// then a trailer. It holds all that a verifier needs; docs/adr/0027 describes it.

import { z } from 'zod';

/** Hashes and ids of keys are in hexadecimal, times in ISO 8601. */
export const entryLineSchema = z.strictObject({
  type: z.literal('entry'),
  position: z.number(),
  id: z.string(),
  occurredAt: z.string(),
  environment: z.string().nullable(),
  actor: z.string(),
  action: z.string(),
  subject: z.string(),
  /** The canonical bytes, which are UTF-8. */
  entry: z.string(),
  previousHash: z.string(),
  entryHash: z.string(),
});

export const checkpointLineSchema = z.strictObject({
  type: z.literal('checkpoint'),
  number: z.number(),
  position: z.number(),
  entryHash: z.string(),
  previousHash: z.string(),
  signedAt: z.string(),
  keyId: z.string(),
  /** Base64. */
  signature: z.string(),
});

export const headerLineSchema = z.strictObject({
  type: z.literal('header'),
  format: z.literal('tollward audit chain'),
  version: z.literal(1),
  exportedAt: z.string(),
  /** `server`: by a running one, so the newest checkpoint has to be new. `database`: while none was asked. */
  source: z.enum(['server', 'database']),
  /** How far the chain goes; position 0: there is no entry. */
  head: z.strictObject({ position: z.number(), hash: z.string() }),
  /** Number of the newest checkpoint, 0 for none. */
  checkpoint: z.number(),
  /** Public keys as SubjectPublicKeyInfo (DER in base64). */
  keys: z.array(z.strictObject({ id: z.string(), publicKey: z.string() })),
});

export const trailerLineSchema = z.strictObject({
  type: z.literal('trailer'),
  entries: z.number(),
  checkpoints: z.number(),
  /** SHA-256 over every byte before this line: tells damage on the way, and proves nothing else. */
  sha256: z.string(),
});

export type EntryLine = z.output<typeof entryLineSchema>;
export type CheckpointLine = z.output<typeof checkpointLineSchema>;
export type HeaderLine = z.output<typeof headerLineSchema>;
export type TrailerLine = z.output<typeof trailerLineSchema>;
export type ChainLine = HeaderLine | EntryLine | CheckpointLine;

export const exportedLineSchema = z.discriminatedUnion('type', [
  headerLineSchema,
  entryLineSchema,
  checkpointLineSchema,
  trailerLineSchema,
]);
