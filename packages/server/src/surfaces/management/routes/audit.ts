import { createDatabaseSource, headerLineSchema, listAuditEntries } from '../../../audit/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import {
  auditListQuerySchema,
  auditListSchema,
  chainCheckpointsSchema,
  chainEntriesSchema,
  chainQuerySchema,
  chainStateSchema,
} from '../schemas/audit.js';

export function auditRoutes(surface: ManagementSurface, { database, audit, clock }: ManagementDependencies): void {
  const chain = createDatabaseSource(database, 'server', clock);

  surface.get(
    '/audit/entries',
    { schema: { querystring: auditListQuerySchema, response: { 200: auditListSchema } } },
    async ({ query }) => ({ entries: await listAuditEntries(database, query) }),
  );

  surface.get('/audit/chain', { schema: { response: { 200: headerLineSchema } } }, async () => {
    // What was done a moment ago shall be in it, and signed.
    await audit.seal(clock());
    return chain.header();
  });

  surface.get(
    '/audit/chain/entries',
    { schema: { querystring: chainQuerySchema, response: { 200: chainEntriesSchema } } },
    async ({ query }) => ({ entries: await chain.entries(query.after, query.until) }),
  );

  surface.get(
    '/audit/chain/checkpoints',
    { schema: { querystring: chainQuerySchema, response: { 200: chainCheckpointsSchema } } },
    async ({ query }) => ({ checkpoints: await chain.checkpoints(query.after, query.until) }),
  );

  surface.get('/audit/chain/state', { schema: { response: { 200: chainStateSchema } } }, async () => {
    const { checkpointAt, ...state } = audit.state();
    return { ...state, checkpointAt: checkpointAt === null ? null : new Date(checkpointAt) };
  });
}
