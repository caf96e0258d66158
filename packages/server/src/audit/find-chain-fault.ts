// What a running node notices by itself. It remembers how far the chain had come, which somebody with access to the database
// alone can not change.

import type { ReadTx } from '../platform/database/database.js';
import { hashCheckpoint, isSignedBy, openPublicKey } from './chain-hash.js';
import {
  type ChainPlace,
  readCheckpoint,
  readHashAt,
  readHead,
  readNewestCheckpoint,
  readPublicKeys,
} from './chain-store.js';
import type { CheckpointLine } from './export-format.js';

export interface RememberedChain {
  readonly head: ChainPlace;
  readonly newest: CheckpointLine | undefined;
}

export interface ChainView extends RememberedChain {
  /** What is wrong, in plain words; undefined when nothing is. */
  readonly fault: string | undefined;
}

/** @param remembered undefined when nothing was seen yet */
export async function viewChain(tx: ReadTx, remembered: RememberedChain | undefined): Promise<ChainView> {
  // The checkpoint first: whatever is added meanwhile, the entry it covers is there already.
  const newest = await readNewestCheckpoint(tx);
  const fault = (await findCheckpointFault(tx, newest)) ?? (remembered && (await findLoss(tx, remembered)));
  return { head: await readHead(tx), newest, fault };
}

async function findCheckpointFault(tx: ReadTx, newest: CheckpointLine | undefined): Promise<string | undefined> {
  if (newest === undefined) return undefined;
  const { number, position, keyId, signature } = newest;
  const hash = await readHashAt(tx, position);
  if (hash === undefined) return `entry ${position} is gone, which checkpoint ${number} covers`;
  if (hash !== newest.entryHash) return `entry ${position} is another one than checkpoint ${number} covers`;
  const stored = (await readPublicKeys(tx)).find(({ id }) => id === keyId);
  const key = stored && openPublicKey(keyId, Buffer.from(stored.publicKey, 'base64'));
  if (key === undefined) return `the key ${keyId} of checkpoint ${number} is gone or changed`;
  return isSignedBy(key, newest, Buffer.from(signature, 'base64'))
    ? undefined
    : `checkpoint ${number} is not signed by its key`;
}

async function findLoss(tx: ReadTx, { head, newest }: RememberedChain): Promise<string | undefined> {
  const hash = await readHashAt(tx, head.position);
  if (hash === undefined) return `the chain ends before entry ${head.position}, which was there`;
  if (hash !== head.hash) return `entry ${head.position} is another one than it was`;
  if (newest === undefined) return undefined;
  const checkpoint = await readCheckpoint(tx, newest.number);
  if (checkpoint === undefined) return `checkpoint ${newest.number} is gone, which was there`;
  return hashCheckpoint(checkpoint) === hashCheckpoint(newest)
    ? undefined
    : `checkpoint ${newest.number} is another one than it was`;
}
