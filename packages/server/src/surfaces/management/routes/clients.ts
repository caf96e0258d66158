import { decideCsr } from '../../../certificates/index.js';
import { createClient, listClients, revokeClient, showClient } from '../../../clients/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import {
  type ClientDetailsBody,
  clientDetailsSchema,
  clientListQuerySchema,
  clientListSchema,
  clientParametersSchema,
  createClientSchema,
  createdClientSchema,
  problemSchema,
  revocationSchema,
} from '../schemas.js';

const certificateNeeded =
  'This client must use mutual TLS and has no certificate yet: it can get no token until one is issued to it.';

export function clientRoutes(surface: ManagementSurface, dependencies: ManagementDependencies): void {
  const { database, clients, clock, random } = dependencies;

  surface.get(
    '/clients',
    { schema: { querystring: clientListQuerySchema, response: { 200: clientListSchema } } },
    async ({ query }) => ({ clients: [...(await listClients(database, query.environment))] }),
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
      const { environment, organisation, name, mtlsRequired } = body;
      const decision = body.csr === undefined ? undefined : await decideCsr(body.csr);
      if (decision?.ok === false) {
        return reply.code(422).send(problem(422, 'certificate_request_rejected', decision.remedy));
      }
      const csr = decision?.csr;
      const command = {
        environment,
        organisationName: organisation,
        name,
        mtlsRequired,
        csr,
        actor: 'operator',
      } as const;
      const created = await createClient(command, clock(), dependencies);
      if (created === undefined) {
        const detail = `Organisation "${organisation}" has a client "${name}" in ${environment} already. Choose another name.`;
        return reply.code(409).send(problem(409, 'client_name_taken', detail));
      }
      const { clientId, secret, certificate } = created;
      const client = await findClient(dependencies, clientId);
      if (client === undefined) throw new Error(`client ${clientId} was created and is not there`);
      return reply.code(201).send({
        client,
        secret: secret.reveal(),
        ...(certificate && { certificate: { ...certificate, notAfter: new Date(certificate.notAfter) } }),
        ...(mtlsRequired && certificate === undefined && { notice: certificateNeeded }),
      });
    },
  );

  surface.get(
    '/clients/:id',
    { schema: { params: clientParametersSchema, response: { 200: clientDetailsSchema, 404: problemSchema } } },
    async ({ params }, reply) => {
      const client = await findClient(dependencies, params.id);
      return client === undefined ? reply.code(404).send(clientUnknown) : reply.code(200).send(client);
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
}

/** The same, in the mutable form that the schemas describe. */
async function findClient(
  { database }: ManagementDependencies,
  clientId: string,
): Promise<ClientDetailsBody | undefined> {
  const client = await showClient(database, clientId);
  return client && { ...client, secrets: [...client.secrets], certificates: [...client.certificates] };
}

const clientUnknown = problem(404, 'client_unknown', 'There is no client of this id in this installation.');
