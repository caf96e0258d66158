// The management API: what an operator's commands ask of a running server. It has no authentication of its own, because
// only the owner of the process can reach its socket.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type FastifyBaseLogger, type FastifyInstance, fastify, type RawServerDefault } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { AuditChain } from '../../audit/index.js';
import type { Authorities } from '../../certificates/index.js';
import type { Database } from '../../platform/database/database.js';
import type { HmacKeyring } from '../../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../../platform/random.js';
import type { RefusalRecorder } from '../../refusals/index.js';
import type { Standing, TokenOpener } from '../../tokens/index.js';
import type { UsageRecorder } from '../../usage/index.js';
import type { InjectedFaults } from '../wire/injected-faults.js';
import { addressUnreadable, answerProblems } from './problems.js';
import { auditRoutes } from './routes/audit.js';
import { certificateRoutes } from './routes/certificates.js';
import { clientRoutes } from './routes/clients.js';
import { faultRoutes } from './routes/faults.js';
import { type KeyCommands, keyRoutes } from './routes/keys.js';
import { nodeRoutes } from './routes/nodes.js';
import { refusalRoutes } from './routes/refusals.js';
import { secretRoutes } from './routes/secrets.js';
import { statusRoutes } from './routes/status.js';
import { tokenRoutes } from './routes/tokens.js';
import type { StatusBody } from './schemas/status.js';

export interface ManagementDependencies {
  readonly database: Database;
  readonly authorities: Authorities;
  readonly hmacKeys: HmacKeyring;
  readonly keyCommands: KeyCommands;
  readonly tokens: TokenOpener;
  readonly audit: Pick<AuditChain, 'seal' | 'state'>;
  readonly clients: Standing;
  readonly refusals: RefusalRecorder;
  readonly usage: UsageRecorder;
  readonly clock: () => number;
  readonly random: RandomBytes;
  readonly status: () => Promise<StatusBody>;
  /** In `tollward dev` only: without them there are no routes for them. */
  readonly injectedFaults?: InjectedFaults | undefined;
  /** Told what went wrong behind an answer of 500 or above. */
  readonly onFault?: (error: unknown) => void;
}

/** A Fastify instance whose routes are typed by their schemas. */
export type ManagementSurface = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

const bodyLimitBytes = 64 * 1024;

export function createManagementSurface(dependencies: ManagementDependencies): ManagementSurface {
  const surface = fastify({
    logger: false,
    bodyLimit: bodyLimitBytes,
    frameworkErrors: (_error, _request, { raw }) =>
      void raw
        .writeHead(addressUnreadable.status, { 'content-type': 'application/problem+json' })
        .end(JSON.stringify(addressUnreadable)),
  }).withTypeProvider<ZodTypeProvider>();
  // Fastify reads plain text too, unasked.
  surface.removeContentTypeParser('text/plain');
  surface.setValidatorCompiler(validatorCompiler);
  surface.setSerializerCompiler(serializerCompiler);
  answerProblems(surface, dependencies.onFault ?? (() => undefined));
  statusRoutes(surface, dependencies);
  clientRoutes(surface, dependencies);
  secretRoutes(surface, dependencies);
  certificateRoutes(surface, dependencies);
  tokenRoutes(surface, dependencies);
  keyRoutes(surface, dependencies);
  refusalRoutes(surface, dependencies);
  auditRoutes(surface, dependencies);
  nodeRoutes(surface, dependencies);
  if (dependencies.injectedFaults !== undefined) faultRoutes(surface, dependencies.injectedFaults);
  return surface;
}
