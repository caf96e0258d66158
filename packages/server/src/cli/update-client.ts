// `clients update`: changes name and policy switches, and says what is different now.

import { type ChangeableBody, updatedClientSchema } from '../surfaces/management/schemas/clients.js';
import { done, failed, type Outcome } from './cli.js';
import { exitCodes } from './exit-codes.js';
import { askManagement } from './management-client.js';
import { describePolicy, type PolicyOptions, policyBody } from './policy.js';
import { type Page, renderFields } from './text.js';

export interface UpdateClientOptions extends PolicyOptions {
  readonly name?: string;
}

const nothingAsked =
  'Name at least one thing to change: --name, --mtls, --embedded-model, --sca, --allow, --rate or --token-lifetime.';

export async function updateClient(
  dataDirectory: string,
  id: string,
  options: UpdateClientOptions,
  page: Page,
): Promise<Outcome> {
  if (Object.keys(options).length === 0) return failed(exitCodes.usage, nothingAsked);
  const path = `/clients/${encodeURIComponent(id)}`;
  const body = { name: options.name, ...policyBody(options) };
  const answer = await askManagement(dataDirectory, { method: 'PATCH', path, body, answer: updatedClientSchema });
  if (!answer.ok) return answer.outcome;

  const { client, before, notice } = answer.value;
  const earlier = new Map(describeChangeable(before));
  const changes = describeChangeable(client)
    .map(([label, after]) => ({ label, before: earlier.get(label) ?? '', after }))
    .filter((change) => change.before !== change.after);
  const fields: [string, string][] = [['Client', `${client.id}, "${client.name}" in ${client.environment}`]];
  for (const { label, before: from, after } of changes) fields.push([label, `${after} (was: ${from})`]);
  if (changes.length === 0) fields.push(['Changed', 'nothing: it was like this before']);
  if (notice !== undefined) fields.push(['Note', notice]);
  return done(renderFields(fields, page), { client, changes, ...(notice !== undefined && { notice }) });
}

function describeChangeable(client: ChangeableBody): [label: string, value: string][] {
  return [['Name', client.name], ...describePolicy(client)];
}
