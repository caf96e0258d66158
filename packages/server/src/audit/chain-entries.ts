// One step of the chainer: links what is committed and signs how far it came, in one unit of work of one node at a time.

import type { Database, Tx } from '../platform/database/database.js';
import { lockForUnit, tryLockForUnit } from '../platform/database/unit-lock.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import { readActiveKey, readSucceedingKey, type SigningKey, storeSuccession } from './audit-key-store.js';
import { hashCheckpoint, hashEntry, noHash, signCheckpoint } from './chain-hash.js';
import {
  type ChainPlace,
  type Link,
  readHead,
  readLinkable,
  readNewestCheckpoint,
  storeCheckpoint,
  storeLinks,
} from './chain-store.js';
import { decideCheckpointDue } from './decide-checkpoint-due.js';
import type { CheckpointLine } from './export-format.js';

/** PGlite has one connection, and everybody else waits for a unit of work to end. */
const entriesPerUnit = 200;
const lockName = 'audit chain';

export interface ChainStep {
  readonly head: ChainPlace;
  readonly newest: CheckpointLine | undefined;
  /** Checkpoints that were signed now. */
  readonly signed: readonly CheckpointLine[];
  /** There may be more entries to link at once. */
  readonly isFull: boolean;
}

export interface ChainAuditEntries {
  /** Wait for another node that is at it, and sign what is not signed yet whether or not it is time. */
  readonly thoroughly: boolean;
}

/** @returns undefined when another node is at it */
export function chainAuditEntries(
  { thoroughly }: ChainAuditEntries,
  now: number,
  { database, masterKey }: { readonly database: Database; readonly masterKey: MasterKey },
): Promise<ChainStep | undefined> {
  return database.transaction(async (tx) => {
    if (thoroughly) await lockForUnit(tx, lockName);
    else if (!(await tryLockForUnit(tx, lockName))) return undefined;
    const { head, isFull } = await linkEntries(tx);
    const before = await readNewestCheckpoint(tx);
    const isDue = decideCheckpointDue(before, head.position, now) || (thoroughly && before?.position !== head.position);
    const signed = isFull ? [] : await signCheckpoints(tx, before, head, isDue, masterKey, now);
    return { head, newest: signed.at(-1) ?? before, signed, isFull };
  });
}

async function linkEntries(tx: Tx): Promise<{ head: ChainPlace; isFull: boolean }> {
  let head = await readHead(tx);
  const links: Link[] = [];
  for (const { id, entry } of await readLinkable(tx, entriesPerUnit)) {
    const position = head.position + 1;
    const hash = hashEntry(Buffer.from(head.hash, 'hex'), position, entry).toString('hex');
    links.push({ id, position, previousHash: head.hash, entryHash: hash });
    head = { position, hash };
  }
  if (links.length > 0) await storeLinks(tx, links);
  return { head, isFull: links.length === entriesPerUnit };
}

async function signCheckpoints(
  tx: Tx,
  newest: CheckpointLine | undefined,
  head: ChainPlace,
  isDue: boolean,
  masterKey: MasterKey,
  now: number,
): Promise<readonly CheckpointLine[]> {
  const successor = await readSucceedingKey(tx, masterKey, now);
  if (!isDue && successor === undefined) return [];
  const active = await readActiveKey(tx, masterKey);
  if (active === undefined) throw new Error('there is no key to sign the audit chain with');
  const signed = [createCheckpoint(newest, head, active, now)];
  if (successor !== undefined) {
    signed.push(createCheckpoint(signed[0], head, successor, now));
    await storeSuccession(tx, active.id, successor.id, now);
  }
  for (const checkpoint of signed) await storeCheckpoint(tx, checkpoint);
  return signed;
}

function createCheckpoint(
  before: CheckpointLine | undefined,
  { position, hash }: ChainPlace,
  { id, privateKey }: SigningKey,
  now: number,
): CheckpointLine {
  const statement = {
    number: (before?.number ?? 0) + 1,
    position,
    entryHash: hash,
    previousHash: before === undefined ? noHash.toString('hex') : hashCheckpoint(before),
    signedAt: new Date(now).toISOString(),
    keyId: id,
  };
  const signature = signCheckpoint(statement, privateKey).toString('base64');
  return { type: 'checkpoint', ...statement, signature };
}
