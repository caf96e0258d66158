// Judges a chain from its lines alone, in constant memory: no server, no database, no private key.

import type { KeyObject } from 'node:crypto';
import { keyCreated } from './audit-key-store.js';
import { canonicalEntry, parseDetails } from './canonical-entry.js';
import { hashCheckpoint, hashEntry, isSignedBy, isSuccessor, noHash, openPublicKey } from './chain-hash.js';
import type { ChainPlace } from './chain-store.js';
import { restingMs } from './decide-checkpoint-due.js';
import type { ChainLine, CheckpointLine, EntryLine, HeaderLine } from './export-format.js';
import { chainBroken } from './open-audit-chain.js';

export type ChainProblemKind =
  | 'file_unreadable'
  | 'file_incomplete'
  | 'file_damaged'
  | 'entry_missing'
  | 'entry_order'
  | 'entry_changed'
  | 'entry_columns'
  | 'entry_link'
  | 'chain_cut'
  | 'chain_went_back'
  | 'checkpoint_missing'
  | 'checkpoint_order'
  | 'checkpoint_changed'
  | 'checkpoint_mismatch'
  | 'checkpoint_old'
  | 'key_unknown'
  | 'key_not_trusted'
  | 'anchor_missing'
  | 'noted_by_server';

export interface ChainProblem {
  readonly kind: ChainProblemKind;
  /** Of the entry; null where it is about something else. */
  readonly position: number | null;
  readonly text: string;
}

export interface VerifyChain {
  /** The id of a key that is known from elsewhere; undefined: the keys of the chain are believed. */
  readonly trustedKeyId?: string | undefined;
  /** A checkpoint that was noted elsewhere. */
  readonly anchor?: CheckpointAnchor | undefined;
  /** The lines come from a file: nobody vouches for what its header says. */
  readonly isFile?: boolean;
}

export interface CheckpointAnchor {
  readonly number: number;
  readonly hash: string;
}

export interface ChainReport {
  /** The first of each kind, in the order they were found. */
  readonly problems: readonly ChainProblem[];
  /** What is not wrong, and has to be known. */
  readonly notes: readonly string[];
  readonly entries: number;
  readonly checkpoints: number;
  readonly newest: (CheckpointAnchor & { readonly position: number; readonly signedAt: string; keyId: string }) | null;
}

export interface ChainVerifier {
  add(line: ChainLine): void;
  /** What whoever reads the lines found wrong with them. */
  report(kind: ChainProblemKind, position: number | null, text: string): void;
  finish(): ChainReport;
}

/** A turn that is late, or clocks of nodes that differ. */
const oldCheckpointMs = restingMs + 5 * 60_000;
const start: ChainPlace = { position: 0, hash: noHash.toString('hex') };

export function createChainVerifier(options: VerifyChain): ChainVerifier {
  const { trustedKeyId, anchor } = options;
  const problems = new Map<ChainProblemKind, ChainProblem>();
  const keys = new Map<string, KeyObject>();
  /** Where in the chain a key was announced, by the signature of the key before. */
  const announced = new Map<string, { readonly position: number; readonly signature: Buffer }>();
  const signers = new Set<string>();
  let header: HeaderLine | undefined;
  let last = start;
  let newest: CheckpointLine | undefined;
  /** The checkpoint that covers most. */
  let furthest: CheckpointLine | undefined;
  let isAnchorFound = false;
  let entries = 0;
  let checkpoints = 0;

  const report = (kind: ChainProblemKind, position: number | null, text: string): void => {
    if (!problems.has(kind)) problems.set(kind, { kind, position, text });
  };

  const addHeader = (line: HeaderLine): void => {
    if (header !== undefined || entries + checkpoints > 0) {
      report('file_unreadable', null, 'A header stands where none belongs.');
      return;
    }
    header = line;
    for (const { id, publicKey } of line.keys) {
      const key = openPublicKey(id, Buffer.from(publicKey, 'base64'));
      if (key !== undefined) keys.set(id, key);
      else report('key_unknown', null, `The public key ${id} is damaged: it is not the key of this fingerprint.`);
    }
  };

  const addEntry = (line: EntryLine): void => {
    entries += 1;
    const { position, previousHash, entryHash } = line;
    if (!Number.isSafeInteger(position) || position <= last.position) {
      report('entry_order', position, `Entry ${position} comes after entry ${last.position}.`);
      return;
    }
    if (furthest !== undefined && position <= furthest.position) {
      report('checkpoint_order', position, `Checkpoint ${furthest.number} stands before entries that it covers.`);
    }
    const missing = position - last.position - 1;
    if (missing > 0) report('entry_missing', last.position + 1, describeMissing(last.position + 1, missing));
    else if (previousHash !== last.hash) {
      report('entry_link', position, `Entry ${position} does not follow entry ${position - 1}: it names another hash.`);
    }
    const hash = hashEntry(Buffer.from(previousHash, 'hex'), position, line.entry).toString('hex');
    const details = parseDetails(line.entry);
    if (hash !== entryHash) {
      report(
        'entry_changed',
        position,
        `Entry ${position} (${line.id}) is not what was hashed: it was changed or moved.`,
      );
    } else if (details === undefined || canonicalEntry(line, details) !== line.entry) {
      const text = `Entry ${position} (${line.id}): a column says something else than the bytes that were hashed.`;
      report('entry_columns', position, text);
    } else if (line.action === keyCreated) {
      const signature = Buffer.from(String(details['signature']), 'base64');
      announced.set(line.subject, { position, signature });
    } else if (line.action === chainBroken) {
      const text = `Entry ${position}: at ${line.occurredAt} a running server noted that ${details['fault']}.`;
      report('noted_by_server', position, text);
    }
    last = { position, hash: entryHash };
  };

  const addCheckpoint = (line: CheckpointLine): void => {
    checkpoints += 1;
    const { number, position } = line;
    const expected = (newest?.number ?? 0) + 1;
    if (number > expected) report('checkpoint_missing', null, `Checkpoint ${expected} is missing.`);
    else if (number !== expected) report('checkpoint_order', null, `Checkpoint ${number} comes a second time or late.`);
    else if (line.previousHash !== (newest === undefined ? start.hash : hashCheckpoint(newest))) {
      report('checkpoint_changed', null, `Checkpoint ${number} does not follow checkpoint ${number - 1}.`);
    }
    checkSignature(line);
    checkCovered(line);
    if (anchor?.number === number) isAnchorFound = hashCheckpoint(line) === anchor.hash;
    if (furthest === undefined || position > furthest.position) furthest = line;
    newest = line;
  };

  const checkSignature = (line: CheckpointLine): void => {
    const { number, keyId } = line;
    const key = keys.get(keyId);
    if (key === undefined) {
      report('key_unknown', null, `Checkpoint ${number} is signed by the key ${keyId}, which is not known.`);
      return;
    }
    if (!isSignedBy(key, line, Buffer.from(line.signature, 'base64'))) {
      report('checkpoint_changed', null, `Checkpoint ${number} is not what its key signed: it was changed or forged.`);
      return;
    }
    signers.add(keyId);
    if (newest !== undefined && newest.keyId !== keyId && !isSuccession(newest, line)) {
      const text = `Checkpoint ${number} is signed by the key ${keyId}, which the key before it did not hand over to.`;
      report('key_unknown', null, text);
    }
  };

  /** The key before named the new one, signed the chain with that announcement, and the new one begins at the same place. */
  const isSuccession = (before: CheckpointLine, { keyId, position }: CheckpointLine): boolean => {
    const announcement = announced.get(keyId);
    const keyBefore = keys.get(before.keyId);
    if (announcement === undefined || keyBefore === undefined) return false;
    const isCovered = announcement.position <= before.position && position === before.position;
    return isCovered && isSuccessor(keyBefore, keyId, announcement.signature);
  };

  const checkCovered = ({ number, position, entryHash }: CheckpointLine): void => {
    if (furthest !== undefined && position < furthest.position) {
      const text = `Checkpoint ${number} covers ${position} entries, and checkpoint ${furthest.number} before it ${furthest.position}.`;
      report('chain_went_back', position, text);
    } else if (position === last.position && entryHash !== last.hash) {
      const text = `The entries up to ${position} are not those that checkpoint ${number} was signed over.`;
      report('checkpoint_mismatch', position, text);
    } else if (position < last.position) {
      report('checkpoint_order', position, `Checkpoint ${number} stands behind entries that it does not cover.`);
    }
  };

  const checkEnd = ({ head, checkpoint, exportedAt, source }: HeaderLine): void => {
    if (last.position < head.position) {
      const text = `The chain ends with entry ${last.position}, and had ${head.position} when it was read.`;
      report('chain_cut', last.position, text);
    } else if (last.position !== head.position || last.hash !== head.hash) {
      report('entry_changed', last.position, `The last entry is another one than the header says.`);
    }
    if (checkpoint !== (newest?.number ?? 0)) {
      const text = `The checkpoints end with ${newest?.number ?? 0}, and there were ${checkpoint} when it was read.`;
      report('checkpoint_missing', null, text);
    }
    if (newest === undefined) {
      if (entries > 0) report('checkpoint_missing', null, 'There is no checkpoint: nothing in it is signed.');
      return;
    }
    const isOld = Date.parse(exportedAt) - Date.parse(newest.signedAt) > oldCheckpointMs;
    if (isOld && source === 'server') {
      const text = `The newest checkpoint is of ${newest.signedAt}, and one is due every hour: later ones were cut off.`;
      report('checkpoint_old', null, text);
    }
  };

  const finish = (): ChainReport => {
    if (header === undefined) {
      report('file_unreadable', null, 'It does not begin like an exported audit chain.');
    } else checkEnd(header);
    if (furthest !== undefined && furthest.position > last.position) {
      const text = `The chain ends with entry ${last.position}, and checkpoint ${furthest.number} was signed over ${furthest.position}.`;
      report('chain_cut', last.position, text);
    }
    if (trustedKeyId !== undefined && !signers.has(trustedKeyId)) {
      report('key_not_trusted', null, `No checkpoint is signed by the key ${trustedKeyId}, which you gave.`);
    }
    if (anchor !== undefined && !isAnchorFound) {
      const text = `Checkpoint ${anchor.number} is not in it, or not with the hash that you gave: the chain was cut or made anew.`;
      report('anchor_missing', null, text);
    }
    return {
      problems: [...problems.values()],
      notes: collectNotes(header, last, newest, options),
      entries,
      checkpoints,
      newest: newest === undefined ? null : describeNewest(newest),
    };
  };

  return {
    add: (line) => {
      if (line.type === 'header') addHeader(line);
      else if (line.type === 'entry') addEntry(line);
      else addCheckpoint(line);
    },
    report,
    finish,
  };
}

function describeMissing(first: number, count: number): string {
  return count === 1 ? `Entry ${first} is missing.` : `Entries ${first} to ${first + count - 1} are missing.`;
}

function describeNewest(checkpoint: CheckpointLine) {
  const { number, position, signedAt, keyId } = checkpoint;
  return { number, hash: hashCheckpoint(checkpoint), position, signedAt, keyId };
}

function collectNotes(
  header: HeaderLine | undefined,
  last: ChainPlace,
  newest: CheckpointLine | undefined,
  { trustedKeyId, anchor, isFile = false }: VerifyChain,
): readonly string[] {
  const notes: string[] = [];
  const unsigned = last.position - (newest?.position ?? 0);
  if (newest !== undefined && unsigned > 0) {
    notes.push(`The last ${unsigned === 1 ? 'entry is' : `${unsigned} entries are`} not signed yet.`);
  }
  if (trustedKeyId === undefined) {
    notes.push(
      'The keys were taken from the chain itself, so somebody who made all of it anew is not found. Note the fingerprint ' +
        'that "tollward audit checkpoint" prints and give it with --key.',
    );
  }
  const isUnasked = header?.source === 'database';
  if (newest !== undefined && (isUnasked || (isFile && anchor === undefined))) {
    const why = isUnasked ? 'No running server was asked' : 'Where a file ends and when it was made is not signed';
    notes.push(
      `${why}: what came after the newest checkpoint (${newest.signedAt}) may have been cut off. Compare with the log of ` +
        'the server, or give a checkpoint with --checkpoint.',
    );
  }
  return notes;
}
