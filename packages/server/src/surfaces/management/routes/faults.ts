// Faults for callers to be tried against. The routes are there in `tollward dev` only.

import { type InjectedFaults, mostInjectedFaults } from '../../wire/injected-faults.js';
import type { ManagementSurface } from '../management-surface.js';
import { problem } from '../problems.js';
import { environmentParametersSchema, problemSchema } from '../schemas/common.js';
import { addFaultSchema, clearedFaultsSchema, faultListSchema, faultSchema } from '../schemas/faults.js';

const tooMany = problem(
  409,
  'too_many_faults',
  `There are ${mostInjectedFaults} faults already, which is the most: "tollward faults clear" removes them.`,
);

export function faultRoutes(surface: ManagementSurface, faults: InjectedFaults): void {
  const params = environmentParametersSchema;
  const path = '/environments/:environment/faults';

  surface.get(
    path,
    { schema: { params, response: { 200: faultListSchema } } },
    async ({ params: { environment } }) => ({
      faults: faults.list(environment),
    }),
  );

  surface.post(
    path,
    { schema: { params, body: addFaultSchema, response: { 201: faultSchema, 409: problemSchema } } },
    async ({ params: { environment }, body }, reply) => {
      const fault = faults.add(environment, body);
      return fault === undefined ? reply.code(409).send(tooMany) : reply.code(201).send(fault);
    },
  );

  surface.post(
    `${path}/removal`,
    { schema: { params, response: { 200: clearedFaultsSchema } } },
    async ({ params: { environment } }) => ({ cleared: faults.clear(environment) }),
  );
}
