import { readFileSync } from 'node:fs';
import { describeWireSurface, type JsonObject, openWireDescription, parsePolicy } from '@tollward/server/documents';
import { renderJson } from './render-json.js';

const policyFile = 'packages/server/policy/default.yaml';

/**
 * docs/generated/openapi.json: the wire surface with the policy that comes with the program. That of the sandbox, which has
 * every route of production and the simulations. The servers are placeholders: a running installation serves its own
 * description, with its own policy and addresses, at /openapi.json.
 */
export function renderOpenApi(): string {
  return renderJson(describeDefaultWireSurface());
}

export function describeDefaultWireSurface(): JsonObject {
  const parsed = parsePolicy(readFileSync(policyFile, 'utf8'), policyFile, 'sandbox');
  if (!parsed.ok) throw new Error(parsed.problems.join('\n'));
  const servers = [
    { url: 'https://api.sandbox.tollward.example', description: 'Without a client certificate' },
    { url: 'https://api-mtls.sandbox.tollward.example', description: 'With a client certificate' },
  ];
  return describeWireSurface({ policy: parsed.policy, description: openWireDescription()(), servers });
}
