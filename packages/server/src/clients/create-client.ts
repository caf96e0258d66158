import { type Environment, formatSecret, secretEntropyBytes } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import { type AcceptedCsr, type Authorities, type IssuedCertificate, issueCertificate } from '../certificates/index.js';
import { findOrCreateOrganisation } from '../organisations/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import { newId } from '../platform/ids.js';
import type { HmacKeyring } from '../platform/keys/hmac-keyring.js';
import type { RandomBytes } from '../platform/random.js';
import { SecretValue } from '../platform/secret-value.js';
import { insertClient, insertSecret } from './client-store.js';

export interface CreateClient {
  readonly environment: Environment;
  /** An organisation of this name is made when there is none. */
  readonly organisationName: string;
  readonly name: string;
  readonly mtlsRequired: boolean;
  /** A request for the client's first certificate. */
  readonly csr?: AcceptedCsr | undefined;
  readonly actor: Actor;
}

export interface CreatedClient {
  readonly clientId: string;
  readonly organisationId: string;
  /** The only time this secret can be seen. */
  readonly secret: SecretValue;
  readonly certificate: IssuedCertificate | undefined;
}

export interface CreateClientDependencies {
  readonly database: Database;
  readonly hmacKeys: HmacKeyring;
  readonly authorities: Authorities;
  readonly random: RandomBytes;
}

/** Makes a client with one secret, and with one certificate when a request came along. Undefined when the name is taken. */
export async function createClient(
  command: CreateClient,
  now: number,
  dependencies: CreateClientDependencies,
): Promise<CreatedClient | undefined> {
  const { database, authorities, random } = dependencies;
  const { environment, name, mtlsRequired, actor, csr } = command;
  return database.transaction(async (tx) => {
    const organisationId = await findOrCreateOrganisation(tx, command.organisationName, actor, now, random);
    const clientId = newId('cli', now, random);
    const client = { environment, id: clientId, organisationId, name, mtlsRequired };
    if (!(await insertClient(tx, client, now))) return undefined;
    const details = { organisationId, name, mtlsRequired };
    await appendAuditEntry(
      tx,
      { environment, actor, action: 'client.created', subject: clientId, details },
      now,
      random,
    );
    const secret = await createSecret(tx, environment, clientId, actor, now, dependencies);
    const certificate =
      csr &&
      (await issueCertificate(
        tx,
        { environment, clientId, name: 'first certificate', csr, actor },
        authorities,
        now,
        random,
      ));
    return { clientId, organisationId, secret, certificate };
  });
}

async function createSecret(
  tx: Tx,
  environment: Environment,
  clientId: string,
  actor: Actor,
  now: number,
  { hmacKeys, random }: CreateClientDependencies,
): Promise<SecretValue> {
  const secret = formatSecret(environment, 'cs', random(secretEntropyBytes));
  const hmacKeyVersion = hmacKeys.currentVersion(environment);
  const hash = hmacKeys.hash(environment, hmacKeyVersion, secret);
  const id = newId('sec', now, random);
  await insertSecret(tx, { environment, id, clientId, hash, hmacKeyVersion, hint: secret.slice(-4) }, now);
  await appendAuditEntry(
    tx,
    { environment, actor, action: 'secret.created', subject: id, details: { clientId } },
    now,
    random,
  );
  return new SecretValue(secret);
}
