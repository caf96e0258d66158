// Keys that sign what others verify: ES256 (RFC 7518 section 3.4) over P-256, named by their thumbprint (RFC 7638), published
// as a JWK set (RFC 7517). One signs per environment; the next is published before it is used, so that whoever keeps the set
// for a while knows it in time, and each stays published for what it signed.

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign as signBytes,
} from 'node:crypto';
import { type Environment, environments } from '@tollward/protocol';
import { type Actor, appendAuditEntry } from '../audit/index.js';
import { coalesce } from '../platform/coalesce.js';
import type { Database, ReadTx, Tx } from '../platform/database/database.js';
import type { EcPublicJwk, Row } from '../platform/database/tables.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { activeGeneration, decideRotation, judgeGenerations } from '../platform/keys/decide-generations.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import { clockSkewMs } from './decide-token-key.js';

/** A member of the JWK set (RFC 7517 section 4). */
export interface PublishedKey extends EcPublicJwk {
  readonly kid: string;
  readonly use: 'sig';
  readonly alg: 'ES256';
}

export interface SigningKeys extends RotatableKey {
  /** A compact JWS (RFC 7515 section 7.1) over the claims. `typ` says what it is, so that it passes for nothing else. */
  sign(environment: Environment, header: { readonly typ: string }, claims: object, now: number): string;
  /** Every key that may have signed something still believed, or soon will sign. */
  published(environment: Environment): readonly PublishedKey[];
}

export interface SigningKeysDependencies {
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly random: RandomBytes;
}

interface SigningKey {
  readonly environment: Environment;
  readonly id: string;
  readonly publicKey: PublishedKey;
  readonly privateKey: KeyObject;
  readonly createdAt: number;
  readonly activeFrom: number;
}

type Times = Pick<SigningKey, 'environment' | 'id' | 'createdAt' | 'activeFrom'>;

const dayMs = 24 * 60 * 60_000;
const lifetimeMs = 90 * dayMs;
const publishMs = dayMs;
/** What a key signed is believed for much shorter than this. */
const keptMs = 2 * dayMs;
const lockName = 'signing keys';

/** Opens the keys of both environments; makes the first one of each where there is none. */
export async function openSigningKeys(dependencies: SigningKeysDependencies, now: number): Promise<SigningKeys> {
  const { database, masterKey, random } = dependencies;
  let keys: readonly SigningKey[] = [];

  const reload = coalesce(async () => {
    const rows = await database.readUrgently((tx) =>
      tx.selectFrom('signing_keys').selectAll().orderBy('active_from').execute(),
    );
    keys = rows.map((row) => {
      const privateKey = openPrivateKey(masterKey, row);
      return { ...timesOf(row), privateKey, publicKey: derivePublished(row, privateKey) };
    });
  });

  /** One unit of work that nobody else changes the keys during; then this node knows the outcome. */
  const change = async (work: (tx: Tx) => Promise<void>): Promise<void> => {
    await database.transaction(async (tx) => {
      await lockForUnit(tx, lockName);
      await work(tx);
    });
    await reload();
  };

  const create = async (tx: Tx, environment: Environment, activeFrom: number, actor: Actor, at: number) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const publicJwk = readPublicJwk(publicKey);
    const kid = thumbprintOf(publicJwk);
    const pkcs8 = privateKey.export({ format: 'der', type: 'pkcs8' });
    await tx
      .insertInto('signing_keys')
      .values({
        environment,
        kid,
        public_jwk: JSON.stringify(publicJwk),
        key_sealed: masterKey.seal(pkcs8, placeOf(environment, kid)),
        created_at: new Date(at),
        active_from: new Date(activeFrom),
      })
      .execute();
    await audit(tx, 'signing_key.created', { environment, id: kid, activeFrom }, actor, at);
  };

  const audit = (
    tx: Tx,
    action: string,
    { environment, id, activeFrom }: Pick<Times, 'environment' | 'id' | 'activeFrom'>,
    actor: Actor,
    at: number,
  ): Promise<void> => {
    const details = { activeFrom: new Date(activeFrom).toISOString() };
    return appendAuditEntry(tx, { environment, actor, action, subject: id, details }, at, random);
  };

  const rotate = async (tx: Tx, environment: Environment, wantedFrom: number, at: number): Promise<void> => {
    const times = await loadTimes(tx, environment);
    const begun = times.filter(({ activeFrom }) => activeFrom <= at);
    // Two of the same moment would have no order.
    const activeFrom = Math.max(wantedFrom, ...begun.map((one) => one.activeFrom + 1));
    const decision = decideRotation(times, activeFrom, at);
    switch (decision.kind) {
      case 'make':
        return create(tx, environment, activeFrom, 'operator', at);
      case 'bring-forward': {
        const { next } = decision;
        await tx
          .updateTable('signing_keys')
          .set({ active_from: new Date(activeFrom) })
          .where('environment', '=', environment)
          .where('kid', '=', next.id)
          .execute();
        return audit(tx, 'signing_key.brought_forward', { ...next, activeFrom }, 'operator', at);
      }
      case 'conflict': {
        const { id, activeFrom: from } = decision.next;
        throw new KeyConflictError(
          `The next signing key of ${environment}, ${id}, is published already and used from ` +
            `${new Date(from).toISOString()} on. To use it sooner, rotate again with a shorter time of publication.`,
        );
      }
    }
  };

  const maintain = async (at: number): Promise<void> => {
    if (environments.every((environment) => isNothingDue(keysOf(environment), at))) return;
    await change(async (tx) => {
      for (const environment of environments) {
        const times = await loadTimes(tx, environment);
        const newest = times.at(-1);
        // The first one is active a little earlier, so that a clock set back by a moment still finds one.
        const due =
          newest === undefined ? at - clockSkewMs : Math.max(newest.activeFrom + lifetimeMs, at - clockSkewMs);
        if (due <= at + publishMs) await create(tx, environment, due, 'tollward', at);
        const over = findOver(times, at);
        if (over.length === 0) continue;
        await tx.deleteFrom('signing_keys').where('environment', '=', environment).where('kid', 'in', over).execute();
      }
    });
  };

  const keysOf = (environment: Environment): readonly SigningKey[] =>
    keys.filter((key) => key.environment === environment);

  const describe = (environment: Environment, at: number): readonly KeyDescription[] =>
    judgeGenerations(keysOf(environment), at).map(({ generation, state, supersededAt }) => {
      const activeUntil = supersededAt ?? generation.activeFrom + lifetimeMs;
      const { id, createdAt, activeFrom } = generation;
      return {
        kind: 'signing',
        environment,
        id,
        state,
        createdAt,
        activeFrom,
        activeUntil,
        readableUntil: activeUntil + keptMs,
      };
    });

  await reload();
  await maintain(now);

  return {
    kind: 'signing',
    sign: (environment, header, claims, at) => {
      const key = activeGeneration(keysOf(environment), at);
      if (key === undefined) throw new Error(`there is no signing key for ${environment}`);
      const input = `${encode({ alg: 'ES256', kid: key.id, ...header })}.${encode(claims)}`;
      // JWS wants the two numbers side by side, not in ASN.1 (RFC 7518 section 3.4).
      const signature = signBytes('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'ieee-p1363' });
      return `${input}.${signature.toString('base64url')}`;
    },
    published: (environment) => keysOf(environment).map(({ publicKey }) => publicKey),
    list: async (at) => environments.flatMap((environment) => describe(environment, at)),
    rotate: async ({ environment, publishSeconds }, at) => {
      const wanted = environment === undefined ? environments : [environment];
      const activeFrom = at + (publishSeconds === undefined ? publishMs : publishSeconds * 1_000);
      await change(async (tx) => {
        for (const each of wanted) await rotate(tx, each, activeFrom, at);
      });
      return wanted.flatMap((each) => describe(each, at));
    },
    maintain,
    reload,
    reseal: (by) =>
      database.transaction(async (tx) => {
        await lockForUnit(tx, lockName);
        let count = 0;
        for (const { environment, kid, key_sealed } of await tx.selectFrom('signing_keys').selectAll().execute()) {
          const sealed = by.reseal(key_sealed, placeOf(environment, kid));
          if (sealed === undefined) continue;
          await tx
            .updateTable('signing_keys')
            .set({ key_sealed: sealed })
            .where('environment', '=', environment)
            .where('kid', '=', kid)
            .execute();
          count += 1;
        }
        return count;
      }),
  };
}

/** Asked of what this node knows, so that most turns of the schedule write nothing. */
function isNothingDue(keys: readonly SigningKey[], now: number): boolean {
  const newest = keys.at(-1);
  return newest !== undefined && newest.activeFrom + lifetimeMs > now + publishMs && findOver(keys, now).length === 0;
}

function findOver(times: readonly Times[], now: number): string[] {
  return judgeGenerations(times, now)
    .filter(({ state, supersededAt }) => state === 'retired' && (supersededAt ?? now) + keptMs <= now)
    .map(({ generation }) => generation.id);
}

async function loadTimes(tx: ReadTx, environment: Environment): Promise<Times[]> {
  const rows = await tx
    .selectFrom('signing_keys')
    .select(['environment', 'kid', 'created_at', 'active_from'])
    .where('environment', '=', environment)
    .orderBy('active_from')
    .execute();
  return rows.map(timesOf);
}

function timesOf(row: Pick<Row<'signing_keys'>, 'environment' | 'kid' | 'created_at' | 'active_from'>): Times {
  return {
    environment: row.environment,
    id: row.kid,
    createdAt: row.created_at.getTime(),
    activeFrom: row.active_from.getTime(),
  };
}

function placeOf(environment: Environment, kid: string) {
  return { environment, table: 'signing_keys', row: kid };
}

function openPrivateKey(masterKey: MasterKey, { environment, kid, key_sealed }: Row<'signing_keys'>): KeyObject {
  const pkcs8 = masterKey.open(key_sealed, placeOf(environment, kid));
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
}

/** From the private key and not as the row says: whoever can write rows must not get a key of their own published. */
function derivePublished({ environment, kid }: Row<'signing_keys'>, privateKey: KeyObject): PublishedKey {
  const publicJwk = readPublicJwk(createPublicKey(privateKey));
  if (thumbprintOf(publicJwk) !== kid)
    throw new Error(`signing_keys ${environment} ${kid} is damaged: its kid is not the thumbprint of its key`);
  return { ...publicJwk, kid, use: 'sig', alg: 'ES256' };
}

function readPublicJwk(publicKey: KeyObject): EcPublicJwk {
  const { x, y } = publicKey.export({ format: 'jwk' });
  if (x === undefined || y === undefined) throw new Error('a P-256 key has two coordinates');
  return { kty: 'EC', crv: 'P-256', x, y };
}

/** RFC 7638 section 3: the required members alone, in the order of their names. */
function thumbprintOf({ crv, kty, x, y }: EcPublicJwk): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
