import {
  decideLeftSecrets,
  endSecret,
  pauseSecret,
  revokeSecret,
  rotateSecret,
  showClient,
} from '../../../clients/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { clientRevoked, clientUnknown, problem, stillUsed } from '../problems.js';
import { clientParametersSchema } from '../schemas/clients.js';
import { problemSchema } from '../schemas/common.js';
import {
  endedSecretSchema,
  rotatedSecretSchema,
  rotateSecretSchema,
  secretParametersSchema,
} from '../schemas/secrets.js';
import { defaultQuietSeconds, retireSchema } from '../schemas/usage.js';
import { addRetirementRoutes } from './retirement.js';

const secretUnknown = problem(404, 'secret_unknown', 'There is no client secret of this id in this installation.');

const actor = 'operator';

export function secretRoutes(surface: ManagementSurface, dependencies: ManagementDependencies): void {
  const { database, clients, clock, random, usage } = dependencies;
  const effects = { ...dependencies, standingChanged: clients.invalidate };
  const retirement = { database, random, usage, standingChanged: clients.invalidate };

  /** What is left of the client's secrets, where that is not enough or not tried. */
  const noticeFor = async (clientId: string): Promise<{ notice: string } | undefined> => {
    const judged = { now: clock(), quietSeconds: defaultQuietSeconds };
    // The secret has ended by now, so a fault in here must not be answered as if it had not.
    const client = await showClient(clientId, judged, dependencies).catch(() => undefined);
    if (client === undefined) return undefined;
    const left = decideLeftSecrets(client.secrets);
    if (left.enough) return undefined;
    if (left.untriedSecretId === undefined) {
      return { notice: `Client ${clientId} has no live secret now: "tollward secrets rotate" makes one.` };
    }
    return { notice: `The secret that is left, ${left.untriedSecretId}, has not got a token yet: is it deployed?` };
  };

  surface.post(
    '/clients/:id/secrets',
    {
      schema: {
        params: clientParametersSchema,
        body: rotateSecretSchema,
        response: { 201: rotatedSecretSchema, 404: problemSchema, 409: problemSchema },
      },
    },
    async ({ params, body }, reply) => {
      const now = clock();
      const rotated = await rotateSecret({ clientId: params.id, ...body, actor }, now, effects);
      if (!rotated.ok) {
        if (rotated.problem === 'open') return reply.code(409).send(rotationOpen(rotated.openUntil));
        if (rotated.problem === 'revoked') return reply.code(409).send(clientRevoked);
        return reply.code(404).send(clientUnknown);
      }
      const { secret, ends } = rotated;
      const isOver = ({ usableUntil }: { usableUntil: Date }): boolean => usableUntil.getTime() <= now;
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({
          id: secret.id,
          secret: secret.value.reveal(),
          ending: ends
            .filter((end) => !isOver(end))
            .map(({ secret: { id, hint }, usableUntil }) => ({ id, hint, usableUntil })),
          ended: ends.filter(isOver).map(({ secret: { id, hint } }) => ({ id, hint })),
        });
    },
  );

  surface.post(
    '/secrets/:id/end',
    {
      schema: {
        params: secretParametersSchema,
        body: retireSchema,
        response: { 200: endedSecretSchema, 404: problemSchema, 409: problemSchema },
      },
    },
    async ({ params, body }, reply) => {
      const command = { secretId: params.id, quietSeconds: body?.quietSeconds, actor } as const;
      const ended = await endSecret(command, clock(), retirement);
      if (!ended.ok) {
        if (ended.problem === 'unknown') return reply.code(404).send(secretUnknown);
        return reply.code(409).send(stillUsed(ended));
      }
      const { at: usableUntil, alreadyDone: alreadyEnded } = ended;
      return reply.code(200).send({ usableUntil, alreadyEnded, ...(await noticeFor(ended.clientId)) });
    },
  );

  addRetirementRoutes(surface, {
    path: '/secrets/:id',
    params: secretParametersSchema,
    unknown: secretUnknown,
    revoke: async (secretId, quietSeconds) => {
      const revoked = await revokeSecret({ secretId, quietSeconds, actor }, clock(), retirement);
      if (!revoked.ok) return revoked;
      return { ok: true, alreadyRevoked: revoked.alreadyDone, ...(await noticeFor(revoked.clientId)) };
    },
    pause: (secretId, seconds) => pauseSecret({ secretId, seconds, actor }, clock(), retirement),
  });
}

function rotationOpen(openUntil: Date | null) {
  const end = openUntil === null ? '' : ` until ${openUntil.toISOString()}`;
  const detail =
    `A rotation of this client is open${end}: it has two live secrets. Wait, end the older one ("tollward secrets end"), ` +
    'or rotate with --force, which ends the older one at once.';
  return problem(409, 'rotation_open', detail);
}
