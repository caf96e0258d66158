import { type Environment, parseSecret, type RefusalCode } from '@tollward/protocol';
import { isId } from '../platform/ids.js';
import { type HmacKeyring, hashesEqual } from '../platform/keys/hmac-keyring.js';
import type { ClientFacts, ClientFactsSource, SecretFacts } from './client-facts.js';
import type { ProvedClient } from './connection-proof.js';
import {
  type BasicCredentials,
  decideMatchedSecret,
  type EndedSecretCode,
  isRemembered,
  parseBasicCredentials,
} from './decide-client-authentication.js';
import type { NewHash } from './rehash-secrets.js';

export type ClientAuthentication =
  | { readonly authenticated: true; readonly client: ClientFacts; readonly secretId: string }
  | {
      readonly authenticated: false;
      readonly code: Extract<RefusalCode, 'client_authentication_failed' | 'secret_other_environment'>;
      readonly seen: string;
      readonly parameters?: Readonly<Record<string, string>>;
      readonly clientNamed?: string;
    }
  /** The secret is one of this client, and may not be used: whoever knows it may be told why. */
  | {
      readonly authenticated: false;
      readonly code: EndedSecretCode;
      readonly seen: string;
      readonly parameters: Readonly<Record<string, string>>;
      readonly client: ClientFacts;
      readonly secretId: string;
    };

export interface AuthenticateClientDependencies {
  readonly clients: ClientFactsSource;
  readonly hmacKeys: HmacKeyring;
  /** Told of a secret that was proved and is stored under an old key, with its hash under the current one. */
  readonly onOldHash?: ((newHash: NewHash) => void) | undefined;
}

/** The facts of a user name that can not be a client id: no database has to be asked, whatever strangers make up. */
const nobody: ClientFactsSource = { get: () => undefined, confirm: async () => undefined };

/**
 * Proves a client by HTTP Basic (RFC 6749 section 2.3.1). An unknown client costs the same lookups and hashes as a known
 * one with a wrong secret, and a name that is no client id the same hashes; the surface levels what is left by answering both after the same time.
 */
export async function authenticateClient(
  environment: Environment,
  authorization: string | undefined,
  now: number,
  { clients, hmacKeys, onOldHash }: AuthenticateClientDependencies,
): Promise<ClientAuthentication> {
  const parsed = parseBasicCredentials(authorization);
  if (!parsed.ok) return fail(headerProblems[parsed.problem]);
  for (const credentials of parsed.readings) {
    const elsewhere = ofOtherEnvironment(environment, credentials);
    if (elsewhere !== undefined) return elsewhere;
  }

  const judge = async (credentials: BasicCredentials, client: ClientFacts | undefined) => {
    const secrets = client?.secrets.filter((secret) => isRemembered(secret, now)) ?? [];
    const versions = hashVersions(secrets, hmacKeys.currentVersion(environment, now));
    await hmacKeys.learn(environment, versions, now);
    const judged = compare(environment, credentials, client, versions, now, hmacKeys);
    if (judged.authenticated) noteOldHash(environment, credentials, judged, now, hmacKeys, onOldHash);
    return judged;
  };
  let refused: ClientAuthentication | undefined;
  for (const credentials of parsed.readings) {
    const source = isClientId(credentials.clientId) ? clients : nobody;
    const lookedUp = source.get(environment, credentials.clientId);
    const cached = lookedUp instanceof Promise ? await lookedUp : lookedUp;
    const first = await judge(credentials, cached);
    if (first.authenticated) return first;
    // A cache may only say yes. A second look at the database settles the no.
    const confirmed = await judge(credentials, await source.confirm(environment, credentials.clientId));
    if (confirmed.authenticated || 'secretId' in confirmed) return confirmed;
    refused ??= confirmed;
  }
  return refused ?? fail(headerProblems.malformed);
}

function fail(seen: string): ClientAuthentication {
  return { authenticated: false, code: 'client_authentication_failed', seen };
}

/** The prefix of a secret names its environment, so this is said without asking anybody whether the secret exists. */
function ofOtherEnvironment(environment: Environment, { clientId, secret }: BasicCredentials) {
  const parsed = parseSecret(secret);
  if (!parsed.ok || parsed.kind !== 'cs' || parsed.environment === environment) return undefined;
  return {
    authenticated: false,
    code: 'secret_other_environment',
    seen: `a client secret of ${parsed.environment}`,
    parameters: { environment, secretEnvironment: parsed.environment },
    ...(isClientId(clientId) ? { clientNamed: clientId } : {}),
  } as const;
}

function compare(
  environment: Environment,
  credentials: BasicCredentials,
  client: ClientFacts | undefined,
  versions: Iterable<number>,
  now: number,
  hmacKeys: HmacKeyring,
): ClientAuthentication {
  const secrets = client?.secrets ?? [];
  let matched: SecretFacts | undefined;
  for (const version of versions) {
    const hash = hmacKeys.hash(environment, version, credentials.secret);
    for (const secret of secrets) {
      if (secret.hmacKeyVersion === version && hashesEqual(secret.hash, hash)) matched = secret;
    }
  }
  const named = isClientId(credentials.clientId) ? { clientNamed: credentials.clientId } : {};
  if (client === undefined || matched === undefined) {
    return { ...fail(describeMismatch(environment, credentials, client)), ...named };
  }
  const verdict = decideMatchedSecret(matched, now);
  const secretId = matched.id;
  if (verdict.accepted) return { authenticated: true, client, secretId };
  const { code, seen, parameters } = verdict;
  return { authenticated: false, code, seen, parameters, client, secretId };
}

/** Only here is the secret at hand, so only here it can be hashed anew. */
function noteOldHash(
  environment: Environment,
  { secret }: BasicCredentials,
  { client, secretId }: ProvedClient,
  now: number,
  hmacKeys: HmacKeyring,
  onOldHash: ((newHash: NewHash) => void) | undefined,
): void {
  const oldVersion = client.secrets.find(({ id }) => id === secretId)?.hmacKeyVersion;
  const version = hmacKeys.currentVersion(environment, now);
  if (onOldHash === undefined || oldVersion === undefined || oldVersion >= version) return;
  const hash = hmacKeys.hash(environment, version, secret);
  onOldHash({ environment, clientId: client.id, secretId, oldVersion, version, hash });
}

/** Anything else is not repeated in evidence either: it may be a secret. */
function isClientId(name: string): boolean {
  return isId('cli', name);
}

/** The HMAC key versions to try. At least one, so that an unknown client costs a hash too. */
function hashVersions(secrets: readonly SecretFacts[], current: number): Iterable<number> {
  return secrets.length === 0 ? [current] : new Set(secrets.map((secret) => secret.hmacKeyVersion));
}

function describeMismatch(
  environment: Environment,
  credentials: BasicCredentials,
  client: ClientFacts | undefined,
): string {
  const secret = describeSecret(credentials.secret);
  if (client !== undefined) return `client ${client.id} with ${secret}`;
  const id = isClientId(credentials.clientId)
    ? `client id ${credentials.clientId}`
    : 'a user name that is no client id';
  return `${id}, unknown in ${environment}, with ${secret}`;
}

function describeSecret(text: string): string {
  const parsed = parseSecret(text);
  if (!parsed.ok) {
    return parsed.problem === 'checksum'
      ? 'a secret that was mistyped or cut off (its checksum is wrong)'
      : 'a password that is no Tollward secret';
  }
  if (parsed.kind !== 'cs') return 'a Tollward secret that is no client secret';
  return 'a well-formed secret that is none of its secrets';
}

const headerProblems = {
  missing: 'no Authorization header',
  'not-basic': 'an Authorization header of another scheme than Basic',
  malformed: 'an Authorization header that is not Basic base64(client_id:client_secret)',
} as const;
