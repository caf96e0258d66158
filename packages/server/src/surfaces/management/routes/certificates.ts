import {
  decideCertificateUpload,
  decideCsr,
  listCertificates,
  mostActiveCertificates,
  pauseCertificate,
  platformChain,
  revokeCertificate,
} from '../../../certificates/index.js';
import {
  type AddCertificateResult,
  inspectCertificate,
  issueClientCertificate,
  showCertificate,
  uploadClientCertificate,
} from '../../../clients/index.js';
import type { ManagementDependencies, ManagementSurface } from '../management-surface.js';
import { clientRevoked, clientUnknown, partnerAuthorityNotValid, problem } from '../problems.js';
import {
  addedCertificateSchema,
  certificateDetailsSchema,
  certificateInspectionSchema,
  certificateListQuerySchema,
  certificateListSchema,
  certificateParametersSchema,
  inspectCertificateSchema,
  issueCertificateSchema,
  platformChainSchema,
  uploadCertificateSchema,
} from '../schemas/certificates.js';
import { clientParametersSchema, clientQuerySchema } from '../schemas/clients.js';
import { environmentParametersSchema, type Problem, problemSchema } from '../schemas/common.js';
import { addRetirementRoutes } from './retirement.js';

const certificateUnknown = problem(
  404,
  'certificate_unknown',
  'There is no certificate of this id in this installation.',
);

const actor = 'operator';

export function certificateRoutes(surface: ManagementSurface, dependencies: ManagementDependencies): void {
  const { database, authorities, clients, clock, random, usage } = dependencies;
  const effects = { ...dependencies, standingChanged: clients.invalidate };
  const retirement = { database, random, usage, standingChanged: clients.invalidate };
  const added = { 201: addedCertificateSchema, 404: problemSchema, 409: problemSchema, 422: problemSchema };

  surface.post(
    '/clients/:id/issued-certificates',
    { schema: { params: clientParametersSchema, body: issueCertificateSchema, response: added } },
    async ({ params, body }, reply) => {
      const decision = await decideCsr(body.csr);
      if (!decision.ok) return reply.code(422).send(problem(422, 'certificate_request_rejected', decision.remedy));
      const command = { clientId: params.id, name: body.name, csr: decision.csr, actor } as const;
      const issued = await issueClientCertificate(command, clock(), effects);
      if (issued.ok) return reply.code(201).send(issued);
      return issued.problem === 'unknown'
        ? reply.code(404).send(clientUnknown)
        : reply.code(409).send(describeProblem(issued.problem, body.name));
    },
  );

  surface.post(
    '/clients/:id/uploaded-certificates',
    { schema: { params: clientParametersSchema, body: uploadCertificateSchema, response: added } },
    async ({ params, body }, reply) => {
      const now = clock();
      const decision = decideCertificateUpload(body.certificate, params.id, now);
      if (!decision.ok) return reply.code(422).send(problem(422, 'certificate_rejected', decision.remedy));
      const command = { clientId: params.id, name: body.name, upload: decision.upload, actor } as const;
      const uploaded = await uploadClientCertificate(command, now, effects);
      if (uploaded.ok) return reply.code(201).send(uploaded);
      return uploaded.problem === 'unknown'
        ? reply.code(404).send(clientUnknown)
        : reply.code(409).send(describeProblem(uploaded.problem, body.name));
    },
  );

  surface.get(
    '/certificates',
    { schema: { querystring: certificateListQuerySchema, response: { 200: certificateListSchema } } },
    async ({ query }) => listCertificates(query, clock(), { database, usage }),
  );

  surface.post(
    '/certificates/inspection',
    { schema: { body: inspectCertificateSchema, response: { 200: certificateInspectionSchema } } },
    async ({ body: { text, clientId } }) => inspectCertificate(text, { clientId }, clock(), database),
  );

  surface.get(
    '/environments/:environment/platform-chain',
    { schema: { params: environmentParametersSchema, response: { 200: platformChainSchema } } },
    async ({ params: { environment } }) => ({
      environment,
      certificates: platformChain(authorities.of(environment), clock()),
    }),
  );

  surface.get(
    '/certificates/:id',
    {
      schema: {
        params: certificateParametersSchema,
        querystring: clientQuerySchema,
        response: { 200: certificateDetailsSchema, 404: problemSchema },
      },
    },
    async ({ params, query }, reply) => {
      const judged = { now: clock(), quietSeconds: query.quietSeconds };
      const shown = await showCertificate(params.id, judged, dependencies);
      return shown === undefined ? reply.code(404).send(certificateUnknown) : reply.code(200).send(shown);
    },
  );

  addRetirementRoutes(surface, {
    path: '/certificates/:id',
    params: certificateParametersSchema,
    unknown: certificateUnknown,
    revoke: (certificateId, quietSeconds) =>
      revokeCertificate({ certificateId, quietSeconds, actor }, clock(), retirement),
    pause: (certificateId, seconds) => pauseCertificate({ certificateId, seconds, actor }, clock(), retirement),
  });
}

type Conflict = Exclude<Extract<AddCertificateResult, { ok: false }>['problem'], 'unknown'>;

function describeProblem(conflict: Conflict, name: string): Problem {
  switch (conflict) {
    case 'revoked':
      return clientRevoked;
    case 'name-taken':
      return problem(
        409,
        'certificate_name_taken',
        `This client has, or had, a certificate "${name}" already. Choose another name, for example with the year in it.`,
      );
    case 'too-many':
      return problem(
        409,
        'certificate_limit_reached',
        `This client has ${mostActiveCertificates} active certificates, which is the most. Revoke one that is not used any more first.`,
      );
    case 'registered':
      return problem(409, 'certificate_registered', 'This certificate is registered to this client already.');
    case 'registered-and-revoked':
      return problem(
        409,
        'certificate_revoked_before',
        'This certificate was registered to this client and revoked, which is for good. Make a new certificate, with a new key.',
      );
    case 'partner-authority-not-valid':
      return partnerAuthorityNotValid;
    case 'registered-elsewhere':
      return problem(
        409,
        'certificate_registered_elsewhere',
        'This certificate is registered to another client. Every client needs a certificate of its own.',
      );
  }
}
