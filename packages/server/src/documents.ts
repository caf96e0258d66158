// What the generated documents are made of (scripts/generate.ts). Nothing here runs in the program.

import type { Environment } from '@tollward/protocol';
import { type Policy, readPolicyFile, shippedPolicyFile } from './gateway/index.js';
import { describeSchema } from './platform/database/describe-schema.js';
import { migrate } from './platform/database/migrate.js';
import { openPglite } from './platform/database/pglite.js';
import { createMetrics, type MetricDescription } from './platform/observability/metrics.js';

export { openWireDescription, type Policy, parsePolicy, type RoutePolicy } from './gateway/index.js';
export { isSecretSetting, settingNames, settingsSchema, variableName } from './platform/config/settings.js';
export type { MetricDescription } from './platform/observability/metrics.js';
export { type CatalogueEntry, catalogue, errorOf } from './refusals/index.js';
export { describeWireSurface } from './surfaces/wire/openapi/document.js';
export type { Json, JsonObject } from './surfaces/wire/openapi/operation.js';

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

/** The policy that comes with the program, in each environment. */
export async function readShippedPolicies(): Promise<Readonly<Record<Environment, Policy>>> {
  const read = async (environment: Environment): Promise<Policy> => {
    const decision = await readPolicyFile(shippedPolicyFile, environment);
    if (!decision.ok) throw new Error(decision.problems.join('\n'));
    return decision.policy;
  };
  return { sandbox: await read('sandbox'), production: await read('production') };
}
