import type { Database } from '../../../platform/database/database.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { statusSchema } from '../schemas/status.js';

export function statusRoutes(surface: ManagementSurface, { database, clock, status }: ManagementDependencies): void {
  surface.get('/status', { schema: { response: { 200: statusSchema } } }, async () => ({
    ...(await status()),
    clockSkewMs: await readClockSkew(database, clock),
  }));
}

async function readClockSkew(database: Database, clock: () => number): Promise<number | null> {
  try {
    return clock() - (await database.clock());
  } catch {
    return null;
  }
}
