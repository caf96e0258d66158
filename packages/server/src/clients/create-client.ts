import type { Environment } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import {
  type AcceptedCsr,
  type Authorities,
  canSign,
  type IssuedCertificate,
  issueCertificate,
} from '../certificates/index.js';
import { findOrCreateOrganisation } from '../organisations/index.js';
import type { Database } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../platform/random.js';
import type { SecretValue } from '../platform/secret-value.js';
import { insertClient, type PolicyChanges } from './client-store.js';
import { createSecret } from './create-secret.js';
import { decidePolicy, defaultPolicy, describePolicy, type PolicyProblem } from './decide-policy.js';

export interface CreateClient {
  readonly environment: Environment;
  /** An organisation of this name is made when there is none. */
  readonly organisationName: string;
  readonly name: string;
  /** What is left out is as safe as it can be: mutual TLS on, everything else off. */
  readonly policy: PolicyChanges;
  /** A request for the client's first certificate. */
  readonly csr?: AcceptedCsr | undefined;
  readonly actor: Actor;
}

export interface CreatedClient {
  readonly ok: true;
  readonly clientId: string;
  readonly organisationId: string;
  /** The only time this secret can be seen. */
  readonly secret: SecretValue;
  readonly certificate: IssuedCertificate | undefined;
}

export type CreateClientResult =
  | CreatedClient
  | { readonly ok: false; readonly problem: 'name-taken' | 'partner-authority-not-valid' | PolicyProblem };

export interface CreateClientDependencies {
  readonly database: Database;
  readonly hmacKeys: HmacKeyring;
  readonly authorities: Authorities;
  readonly random: RandomBytes;
}

/** Makes a client with one secret, and with one certificate when a request came along. */
export async function createClient(
  command: CreateClient,
  now: number,
  dependencies: CreateClientDependencies,
): Promise<CreateClientResult> {
  const { database, authorities, random } = dependencies;
  const { environment, name, actor, csr } = command;
  const decision = decidePolicy(environment, defaultPolicy, command.policy);
  if (!decision.ok) return decision;
  const { policy } = decision;
  // Before anything is written: a refusal keeps what was done on the way to it.
  if (csr !== undefined && !canSign(authorities.of(environment).partner(now), now)) {
    return { ok: false, problem: 'partner-authority-not-valid' };
  }
  return database.transaction(async (tx): Promise<CreateClientResult> => {
    const organisationId = await findOrCreateOrganisation(tx, command.organisationName, actor, now, random);
    const clientId = newId('cli', now, random);
    const client = { environment, id: clientId, organisationId, name, policy };
    if (!(await insertClient(tx, client, now))) return { ok: false, problem: 'name-taken' };
    const details = { organisationId, name, ...describePolicy(policy) };
    await appendAuditEntry(
      tx,
      { environment, actor, action: 'client.created', subject: clientId, details },
      now,
      random,
    );
    const { value: secret } = await createSecret(tx, { environment, clientId, actor }, now, dependencies);
    const certificate =
      csr &&
      (await issueCertificate(
        tx,
        { environment, clientId, name: 'first certificate', csr, actor },
        authorities,
        now,
        random,
      ));
    if (certificate?.ok === false) throw new Error(`a new client can not have: ${certificate.problem}`);
    return { ok: true, clientId, organisationId, secret, certificate };
  });
}
