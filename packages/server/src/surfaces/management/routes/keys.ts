import type { Environment } from '@tollward/protocol';
import type { MasterKeyUse } from '../../../platform/keys/master-key-use.js';
import type { KeyDescription, KeyKind, RotateKey } from '../../../platform/keys/rotatable-key.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import { problemSchema } from '../schemas/common.js';
import {
  type KeyBody,
  keyKindParametersSchema,
  keyListSchema,
  resealedSchema,
  revokedTokenKeySchema,
  rotatedKeySchema,
  rotateKeySchema,
  tokenKeyParametersSchema,
} from '../schemas/keys.js';

/** What operators ask of the keys of this installation, whatever kinds there are. */
export interface KeyCommands {
  list(now: number): Promise<{
    readonly keys: readonly KeyDescription[];
    readonly masterKeys: readonly MasterKeyUse[];
  }>;
  rotate(
    kind: KeyKind,
    request: RotateKey,
    now: number,
  ): Promise<
    | { readonly ok: true; readonly keys: readonly KeyDescription[] }
    | { readonly ok: false; readonly problem: 'unknown-kind' }
    | { readonly ok: false; readonly problem: 'conflict'; readonly detail: string }
  >;
  revokeTokenKey(
    id: string,
    now: number,
  ): Promise<{ readonly revoked: true; readonly environment: Environment } | { readonly revoked: false }>;
  reseal(now: number): Promise<{ readonly resealed: number; readonly masterKeys: readonly MasterKeyUse[] }>;
}

const kindUnknown = problem(404, 'key_kind_unknown', 'This installation has no keys of this kind.');
const tokenKeyUnknown = problem(
  404,
  'token_key_unknown',
  'There is no token key of this id: "tollward keys list" shows those there are. Those that are gone open nothing any more.',
);

export function keyRoutes(surface: ManagementSurface, { keyCommands, clock }: ManagementDependencies): void {
  surface.get('/keys', { schema: { response: { 200: keyListSchema } } }, async () => {
    const { keys, masterKeys } = await keyCommands.list(clock());
    return { keys: keys.map(toBody), masterKeys: [...masterKeys] };
  });

  surface.post(
    '/keys/:kind/rotation',
    {
      schema: {
        params: keyKindParametersSchema,
        body: rotateKeySchema,
        response: { 201: rotatedKeySchema, 404: problemSchema, 409: problemSchema },
      },
    },
    async ({ params, body }, reply) => {
      const rotated = await keyCommands.rotate(params.kind, body, clock());
      if (rotated.ok) return reply.code(201).send({ keys: rotated.keys.map(toBody) });
      if (rotated.problem === 'unknown-kind') return reply.code(404).send(kindUnknown);
      return reply.code(409).send(problem(409, 'key_rotation_open', rotated.detail));
    },
  );

  surface.post(
    '/keys/token/:id/revocation',
    {
      schema: { params: tokenKeyParametersSchema, response: { 200: revokedTokenKeySchema, 404: problemSchema } },
    },
    async ({ params }, reply) => {
      const outcome = await keyCommands.revokeTokenKey(params.id, clock());
      if (!outcome.revoked) return reply.code(404).send(tokenKeyUnknown);
      return reply.code(200).send({ environment: outcome.environment });
    },
  );

  surface.post('/keys/resealing', { schema: { response: { 200: resealedSchema } } }, async () => {
    const { resealed, masterKeys } = await keyCommands.reseal(clock());
    return { resealed, masterKeys: [...masterKeys] };
  });
}

function toBody({ createdAt, activeFrom, activeUntil, readableUntil, ...rest }: KeyDescription): KeyBody {
  return {
    ...rest,
    createdAt: new Date(createdAt),
    activeFrom: new Date(activeFrom),
    activeUntil: activeUntil === null ? null : new Date(activeUntil),
    readableUntil: readableUntil === null ? null : new Date(readableUntil),
  };
}
