import { clientCredentialsGrant } from './client-credentials.js';
import type { Grant } from './grant.js';

/** Every grant type of the token endpoint. A new grant is a file beside this one and a line here. */
export const grants: ReadonlyMap<string, Grant> = new Map(
  [clientCredentialsGrant].map((grant) => [grant.grantType, grant]),
);

export const grantTypes: readonly string[] = [...grants.keys()];
