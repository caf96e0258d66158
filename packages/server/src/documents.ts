// What the generated documents are made of (scripts/generate.ts). Nothing here runs in the program.

import { describeSchema } from './platform/database/describe-schema.js';
import { migrate } from './platform/database/migrate.js';
import { openPglite } from './platform/database/pglite.js';
import { createMetrics, type MetricDescription } from './platform/observability/metrics.js';

export { isSecretSetting, settingNames, settingsSchema, variableName } from './platform/config/settings.js';
export type { MetricDescription } from './platform/observability/metrics.js';
export { type CatalogueEntry, catalogue } from './refusals/index.js';

/** The schema that all migrations together make, as Markdown. */
export async function describeMigratedSchema(): Promise<string> {
  const database = await openPglite({ directory: 'memory' });
  try {
    await migrate(database);
    return await describeSchema(database);
  } finally {
    await database.close();
  }
}

export function describeMetrics(): readonly MetricDescription[] {
  return createMetrics().describe();
}
