// The real capabilities on a database, without sockets, and a clock that a test moves.

import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { openAuditChain } from '../audit/index.js';
import { createClientKeyAndCsr, decideCsr, openAuthorities } from '../certificates/index.js';
import { signClientCertificate } from '../certificates/sign-client-certificate.js';
import {
  type ClientPolicy,
  createClient,
  createHmacKeyRotation,
  createSecretRehasher,
  issueClientCertificate,
} from '../clients/index.js';
import {
  type AdmittedCall,
  createProfileDirectory,
  type ProfileFacts,
  type ProtectedCall,
  type RouteRules,
  runPipeline,
} from '../gateway/index.js';
import { createKeyCommands } from '../key-commands.js';
import type { Database } from '../platform/database/database.js';
import { openHmacKeyring } from '../platform/keys/hmac-keyring.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { createLog } from '../platform/observability/log.js';
import { createHexIds } from '../platform/random.js';
import { createRateLimiter } from '../platform/rate-limiter.js';
import { SecretValue } from '../platform/secret-value.js';
import { createTurns } from '../platform/turns.js';
import { isRefusal, type Refusal } from '../refusals/index.js';
import {
  type ClientRequest,
  createStanding,
  createTokenOpener,
  type IssuedToken,
  introspectToken,
  issueToken,
  openTokenKeyring,
  revokeToken,
} from '../tokens/index.js';
import { createUsageRecorder } from '../usage/index.js';
import { someRules, someTime } from './facts.js';

export type TestCapabilities = Awaited<ReturnType<typeof openTestCapabilities>>;

/** A client of sandbox as its partner holds it. */
export interface HeldClient {
  readonly clientId: string;
  readonly secretId: string;
  readonly secret: string;
}

export async function openTestCapabilities(database: Database) {
  const time = { now: someTime };
  const random = randomBytes;
  const masterKey = createMasterKey(new SecretValue(randomBytes(32).toString('base64')));
  const authorities = await openAuthorities(database, masterKey, time.now, random);
  const hmacKeys = await openHmacKeyring(database, masterKey, time.now);
  const { logger } = createLog('silent', { write: () => undefined });
  const audit = await openAuditChain({ database, masterKey, random, logger, onState: () => undefined }, time.now);
  const tokenKeys = await openTokenKeyring(
    { database, masterKey, random, monotonic: () => performance.now(), databaseNow: async () => time.now },
    time.now,
  );
  const clients = createStanding({ database, clock: () => time.now, isFresh: () => true });
  const hmacKeyRotation = createHmacKeyRotation({ database, masterKey, random, reload: hmacKeys.reload });
  const rehasher = createSecretRehasher({ database, standingChanged: clients.invalidate });
  const keys = [tokenKeys.rotation, hmacKeyRotation];
  const usage = createUsageRecorder(database, () => undefined);
  const inTurn = createTurns();
  const tokens = createTokenOpener(tokenKeys, () => true);
  const shared = {
    clients,
    usage,
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond: 1_000_000, perMinute: 1_000_000 },
  };
  const routeRates = createRateLimiter();
  const profilesUpstream = new Map<string, ProfileFacts>();
  const profiles = createProfileDirectory({
    ask: async (_environment, profileId) => profilesUpstream.get(profileId) ?? 'unknown',
    clock: () => time.now,
  });
  const connection = {
    environment: 'sandbox',
    peer: 'not-asked',
    address: '127.0.0.1',
    mtlsUrl: 'https://localhost:8444',
  } as const;

  /** What a client of sandbox sends on a new connection of the listener without certificates. */
  const requestOf = (
    clientId: string,
    secret: string,
    parameters: Readonly<Record<string, string>>,
    changes: Partial<ClientRequest> = {},
  ): ClientRequest => ({
    ...connection,
    authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`,
    parameters: new Map(Object.entries(parameters)),
    now: time.now,
    proof: { proved: undefined },
    ...changes,
  });

  const requestToken = async (
    clientId: string,
    secret: string,
    changes: Partial<ClientRequest> = {},
  ): Promise<IssuedToken | Refusal> =>
    issueToken(requestOf(clientId, secret, { grant_type: 'client_credentials' }, changes), {
      ...shared,
      hmacKeys,
      onOldHash: rehasher.note,
      tokenKeys,
      random,
      newTokenId: createHexIds(random),
    });

  /** A call with a token, on the same listener. */
  const call = async (
    token: string,
    changes: Partial<ProtectedCall> = {},
    rules: Partial<RouteRules> = {},
  ): Promise<AdmittedCall | Refusal> =>
    await runPipeline(
      { ...connection, authorization: `Bearer ${token}`, parameters: {}, query: undefined, now: time.now, ...changes },
      someRules(rules),
      { ...shared, tokens, routeRates, profiles, unsafeNoSca: false },
    );

  return {
    database,
    masterKey,
    authorities,
    hmacKeys,
    hmacKeyRotation,
    tokenKeyRotation: tokenKeys.rotation,
    keyCommands: createKeyCommands({ database, masterKey, keys, tokenKeys: tokenKeys.rotation, random }),
    rehasher,
    audit,
    tokens,
    clients,
    usage,
    random,
    time,
    requestToken,
    requestRevocation: async ({ clientId, secret }: HeldClient, token: string) =>
      revokeToken(requestOf(clientId, secret, { token }), {
        ...shared,
        hmacKeys,
        tokens,
        inTurn,
        database,
        random,
        standingChanged: clients.invalidate,
      }),
    requestIntrospection: async ({ clientId, secret }: HeldClient, token: string) =>
      introspectToken(requestOf(clientId, secret, { token }), { ...shared, hmacKeys, tokens }),
    call,
    /** The profiles there are, by id. */
    profilesUpstream,
    standingChanged: clients.invalidate,

    /** What a token request comes to: `token`, or the code of its refusal. */
    outcomeOf: async (...request: Parameters<typeof requestToken>): Promise<string> => {
      const answer = await requestToken(...request);
      return isRefusal(answer) ? answer.refusal : 'token';
    },

    /** What a call comes to: `admitted`, or the code of its refusal. */
    outcomeOfCall: async (...theCall: Parameters<typeof call>): Promise<string> => {
      const answer = await call(...theCall);
      return isRefusal(answer) ? answer.refusal : 'admitted';
    },

    tokenOf: async (...request: Parameters<typeof requestToken>): Promise<string> => {
      const answer = await requestToken(...request);
      if (isRefusal(answer)) throw new Error(`no token: ${answer.refusal}, ${answer.seen}`);
      return answer.body.access_token;
    },

    /** Lets time pass, as far as the token keys have to know. Back is not possible: old keys are gone. */
    passTime: async (ms: number): Promise<void> => {
      time.now += ms;
      await tokenKeys.rotation.maintain(time.now);
    },

    /** A client without mutual TLS, unless its policy says otherwise. */
    makeClient: async (name: string, policy: Partial<ClientPolicy> = {}): Promise<HeldClient> => {
      const created = await createClient(
        {
          environment: 'sandbox',
          organisationName: 'Example',
          name,
          policy: { mtlsRequired: false, ...policy },
          actor: 'operator',
        },
        time.now,
        { database, hmacKeys, authorities, random },
      );
      if (!created.ok) throw new Error(created.problem);
      // What is done to it next is later than its creation, as it is outside of tests.
      time.now += 1;
      const { clientId } = created;
      const row = await database.read((tx) =>
        tx.selectFrom('client_secrets').select('id').where('client_id', '=', clientId).executeTakeFirstOrThrow(),
      );
      return { clientId, secretId: row.id, secret: created.secret.reveal() };
    },

    /** One more certificate for a client, and its SHA-256 as a connection knows it. */
    makeCertificate: async (clientId: string, name: string) => {
      const csr = await decideCsr((await createClientKeyAndCsr({ organisation: 'Example' })).csrPem);
      if (!csr.ok) throw new Error(csr.remedy);
      const command = { clientId, name, csr: csr.csr, actor: 'operator' } as const;
      const standingChanged = clients.invalidate;
      const issued = await issueClientCertificate(command, time.now, {
        database,
        authorities,
        random,
        standingChanged,
      });
      if (!issued.ok) throw new Error(issued.problem);
      time.now += 1;
      const { id, sha256, notAfter } = issued.certificate;
      return { id, thumbprint: Buffer.from(sha256, 'hex').toString('base64url'), notAfter };
    },

    /** A certificate that no client has, by an authority that sandbox knows nothing of; in PEM, without its issuer. */
    aForeignCertificate: async (commonName = 'worker.example'): Promise<string> => {
      const csr = await decideCsr((await createClientKeyAndCsr({ organisation: 'Elsewhere' })).csrPem);
      if (!csr.ok) throw new Error(csr.remedy);
      const { certificatePem } = await signClientCertificate({
        authority: authorities.of('production').partner(time.now),
        csr: csr.csr,
        clientId: commonName,
        now: time.now,
        randomBytes: random,
      });
      return certificatePem;
    },

    /** The audit entries about a subject, the oldest first: action and details. Those of one moment are in any order. */
    auditOf: async (subject: string): Promise<{ action: string; details: unknown }[]> => {
      const rows = await database.read((tx) =>
        tx
          .selectFrom('audit_entries')
          .select(['action', 'actor', 'entry'])
          .where('subject', '=', subject)
          .orderBy('occurred_at')
          .execute(),
      );
      return rows.map(({ action, actor, entry }) => {
        if (actor !== 'operator') throw new Error(`${action} by ${actor}`);
        const members: unknown = JSON.parse(entry.toString('utf8'));
        return { action, details: Array.isArray(members) ? members.at(-1) : undefined };
      });
    },
  };
}

/** Everything a database holds, as one text; bytes in hexadecimal and as they read. */
export async function dumpOf(database: Database): Promise<string> {
  const tables = [
    'organisations',
    'clients',
    'client_secrets',
    'certificates',
    'credential_uses',
    'audit_entries',
    'refusals',
  ] as const;
  const rows = await database.read(async (tx) => {
    const found: unknown[] = [];
    for (const table of tables) found.push(await tx.selectFrom(table).selectAll().execute());
    return found;
  });
  return JSON.stringify(rows, (_key, value: unknown) => {
    if (typeof value === 'bigint') return String(value);
    if (isSerialisedBuffer(value)) {
      const bytes = Buffer.from(value.data);
      return `${bytes.toString('hex')} ${bytes.toString('latin1')}`;
    }
    return value;
  });
}

function isSerialisedBuffer(value: unknown): value is { readonly data: readonly number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value;
}
