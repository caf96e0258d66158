// Where `audit` reads the chain: from the running server, and without one from the database of the settings.

import type { z } from 'zod';
import { type ChainSource, createDatabaseSource, headerLineSchema } from '../audit/index.js';
import type { Settings } from '../platform/config/settings.js';
import type { Database } from '../platform/database/database.js';
import { assertMigrated } from '../platform/database/migration-status.js';
import { chainCheckpointsSchema, chainEntriesSchema } from '../surfaces/management/schemas/audit.js';
import type { CliContext, Outcome } from './cli.js';
import { askManagement } from './management-client.js';
import { withOfflineDatabase } from './offline-database.js';

/** The server did not answer, in the middle of the chain. */
class SourceLostError extends Error {
  override readonly name = 'SourceLostError';
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super('The server did not answer.');
    this.outcome = outcome;
  }
}

export async function withChainSource(
  settings: Settings,
  { clock }: CliContext,
  work: (source: ChainSource) => Promise<Outcome>,
): Promise<Outcome> {
  const { dataDir } = settings;
  const first = await askManagement(dataDir, { method: 'GET', path: '/audit/chain', answer: headerLineSchema });
  if (!first.ok && first.running) return first.outcome;
  if (!first.ok) {
    return withMigratedDatabase(settings, (database) => work(createDatabaseSource(database, 'database', clock)));
  }
  const ask = async <Schema extends z.ZodType>(path: string, answer: Schema): Promise<z.output<Schema>> => {
    const answered = await askManagement(dataDir, { method: 'GET', path, answer });
    if (!answered.ok) throw new SourceLostError(answered.outcome);
    return answered.value;
  };
  const source: ChainSource = {
    header: async () => first.value,
    entries: async (after, until) =>
      (await ask(`/audit/chain/entries?after=${after}&until=${until}`, chainEntriesSchema)).entries,
    checkpoints: async (after, until) =>
      (await ask(`/audit/chain/checkpoints?after=${after}&until=${until}`, chainCheckpointsSchema)).checkpoints,
  };
  try {
    return await work(source);
  } catch (error) {
    if (error instanceof SourceLostError) return error.outcome;
    throw error;
  }
}

export function withMigratedDatabase<T>(settings: Settings, work: (database: Database) => Promise<T>): Promise<T> {
  return withOfflineDatabase(settings, async (database) => {
    await assertMigrated(database);
    return work(database);
  });
}
