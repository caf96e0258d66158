import { decideCsr } from '../../../certificates/index.js';
import {
  createClient,
  endClientTokens,
  listClients,
  type PolicyChanges,
  revokeClient,
  showClient,
  updateClient,
} from '../../../clients/index.js';
import { formatAddressRange } from '../../../platform/listeners/address.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { clientRevoked, clientUnknown, partnerAuthorityNotValid, problem } from '../problems.js';
import {
  type ClientDetailsBody,
  clientDetailsSchema,
  clientListQuerySchema,
  clientListSchema,
  clientParametersSchema,
  clientQuerySchema,
  createClientSchema,
  createdClientSchema,
  endedTokensSchema,
  type PolicyBody,
  updateClientSchema,
  updatedClientSchema,
} from '../schemas/clients.js';
import { problemSchema, revocationSchema } from '../schemas/common.js';
import { defaultQuietSeconds } from '../schemas/usage.js';

const certificateNeeded =
  'This client must use mutual TLS and has no certificate in force: it can get no token until one is issued or uploaded.';
const scaOffInProduction = problem(
  422,
  'sca_off_in_production',
  'Strong customer authentication can be switched off in sandbox only.',
);

export function clientRoutes(surface: ManagementSurface, dependencies: ManagementDependencies): void {
  const { database, clients, clock, random } = dependencies;
  const find = async (clientId: string, quietSeconds = defaultQuietSeconds): Promise<ClientDetailsBody | undefined> =>
    showClient(clientId, { now: clock(), quietSeconds }, dependencies);
  const get = async (clientId: string): Promise<ClientDetailsBody> => {
    const client = await find(clientId);
    if (client === undefined) throw new Error(`client ${clientId} was just written and is not there`);
    return client;
  };
  const noticeFor = ({ mtlsRequired, certificates }: ClientDetailsBody): { notice: string } | undefined =>
    mtlsRequired && !certificates.some(({ state }) => state === 'in force') ? { notice: certificateNeeded } : undefined;

  surface.get(
    '/clients',
    { schema: { querystring: clientListQuerySchema, response: { 200: clientListSchema } } },
    async ({ query }) => ({ clients: await listClients(database, query.environment) }),
  );

  surface.post(
    '/clients',
    {
      schema: {
        body: createClientSchema,
        response: { 201: createdClientSchema, 409: problemSchema, 422: problemSchema },
      },
    },
    async ({ body }, reply) => {
      const { environment, organisation, name, csr: csrPem, ...switches } = body;
      const decision = csrPem === undefined ? undefined : await decideCsr(csrPem);
      if (decision?.ok === false) {
        return reply.code(422).send(problem(422, 'certificate_request_rejected', decision.remedy));
      }
      const csr = decision?.csr;
      const policy = policyOf(switches);
      const command = { environment, organisationName: organisation, name, policy, csr, actor: 'operator' } as const;
      const created = await createClient(command, clock(), dependencies);
      if (!created.ok) {
        switch (created.problem) {
          case 'name-taken':
            return reply.code(409).send(nameTaken(name, `Organisation "${organisation}"`));
          case 'partner-authority-not-valid':
            return reply.code(409).send(partnerAuthorityNotValid);
          case 'sca-off-in-production':
            return reply.code(422).send(scaOffInProduction);
        }
      }
      const { clientId, secret, certificate } = created;
      const client = await get(clientId);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({
          client,
          secret: secret.reveal(),
          ...(certificate && { certificate: { ...certificate, notAfter: new Date(certificate.notAfter) } }),
          ...noticeFor(client),
        });
    },
  );

  surface.get(
    '/clients/:id',
    {
      schema: {
        params: clientParametersSchema,
        querystring: clientQuerySchema,
        response: { 200: clientDetailsSchema, 404: problemSchema },
      },
    },
    async ({ params, query }, reply) => {
      const client = await find(params.id, query.quietSeconds);
      return client === undefined ? reply.code(404).send(clientUnknown) : reply.code(200).send(client);
    },
  );

  surface.patch(
    '/clients/:id',
    {
      schema: {
        params: clientParametersSchema,
        body: updateClientSchema,
        response: { 200: updatedClientSchema, 404: problemSchema, 409: problemSchema, 422: problemSchema },
      },
    },
    async ({ params, body }, reply) => {
      const { name, ...switches } = body;
      const command = { clientId: params.id, name, changes: policyOf(switches), actor: 'operator' } as const;
      const standingChanged = clients.invalidate;
      const updated = await updateClient(command, clock(), { database, random, standingChanged });
      if (updated.ok) {
        const client = await get(params.id);
        return reply.code(200).send({ client, before: updated.before, ...noticeFor(client) });
      }
      switch (updated.problem) {
        case 'unknown':
          return reply.code(404).send(clientUnknown);
        case 'revoked':
          return reply.code(409).send(clientRevoked);
        case 'name-taken':
          return reply.code(409).send(nameTaken(name ?? '', 'The organisation of this client'));
        case 'sca-off-in-production':
          return reply.code(422).send(scaOffInProduction);
      }
    },
  );

  surface.post(
    '/clients/:id/revocation',
    { schema: { params: clientParametersSchema, response: { 200: revocationSchema, 404: problemSchema } } },
    async ({ params }, reply) => {
      const revoked = await revokeClient(params.id, 'operator', clock(), {
        database,
        random,
        standingChanged: clients.invalidate,
      });
      return revoked === undefined ? reply.code(404).send(clientUnknown) : reply.code(200).send(revoked);
    },
  );

  surface.post(
    '/clients/:id/tokens/revocation',
    { schema: { params: clientParametersSchema, response: { 200: endedTokensSchema, 404: problemSchema } } },
    async ({ params }, reply) => {
      const standingChanged = clients.invalidate;
      const ended = await endClientTokens(params.id, 'operator', clock(), { database, random, standingChanged });
      return ended === undefined ? reply.code(404).send(clientUnknown) : reply.code(200).send(ended);
    },
  );
}

/** The switches that the request names, as the use cases take them. */
function policyOf({ allowedAddresses, ...switches }: PolicyBody): PolicyChanges {
  return { ...switches, allowedAddresses: allowedAddresses && [...new Set(allowedAddresses.map(formatAddressRange))] };
}

function nameTaken(name: string, owner: string) {
  return problem(
    409,
    'client_name_taken',
    `${owner} has a client "${name}" in this environment already. Choose another name.`,
  );
}
