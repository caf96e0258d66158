// The chain as a running node keeps it: links and signs each second, and watches that nothing of it is lost.

import type { Logger } from 'pino';
import type { Database } from '../platform/database/database.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import { appendAuditEntry } from './append.js';
import { isKeyWaiting } from './audit-key-store.js';
import { createAuditKeys, ensureAuditKey } from './audit-keys.js';
import { chainAuditEntries } from './chain-entries.js';
import { hashCheckpoint } from './chain-hash.js';
import { readUnlinked, type UnlinkedEntries } from './chain-store.js';
import { decideCheckpointDue } from './decide-checkpoint-due.js';
import type { CheckpointLine } from './export-format.js';
import { type RememberedChain, viewChain } from './find-chain-fault.js';

export const chainBroken = 'audit_chain.broken';
/** How often it looks whether all is there while nothing happens. Whether there is something to link is asked each turn. */
const lookEveryMs = 10_000;

export interface AuditChainState {
  readonly unlinkedEntries: number;
  /** Age of the oldest entry without a place. */
  readonly lagSeconds: number;
  /** When the newest checkpoint was signed, in milliseconds since the epoch; null when there is none. */
  readonly checkpointAt: number | null;
  /** What this process found changed behind its back; null for nothing. Stays until it is started again. */
  readonly fault: string | null;
}

export interface AuditChain {
  readonly keys: RotatableKey;
  state(): AuditChainState;
  /** Links what can be linked and signs what it is time to sign, unless another node is at it. */
  turn(now: number): Promise<void>;
  /** Links and signs all that can be: before somebody reads the chain, and at the end. */
  seal(now: number): Promise<void>;
}

export interface AuditChainDependencies {
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly random: RandomBytes;
  readonly logger: Logger;
  readonly onState: (state: AuditChainState) => void;
}

export async function openAuditChain(dependencies: AuditChainDependencies, startedAt: number): Promise<AuditChain> {
  const { database, masterKey, random, logger, onState } = dependencies;
  await ensureAuditKey(database, masterKey, startedAt, random);
  let remembered: RememberedChain | undefined;
  let state: AuditChainState = { unlinkedEntries: 0, lagSeconds: 0, checkpointAt: null, fault: null };
  let lastFault: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;

  const noteFault = async (fault: string, now: number): Promise<void> => {
    if (fault === lastFault) return;
    lastFault = fault;
    logger.error({ fault }, 'the audit chain was changed behind the back of this server');
    if (state.fault !== null) return;
    state = { ...state, fault };
    onState(state);
    // So that it is known after a restart as well, and to whoever verifies the chain.
    const fact = { environment: null, actor: 'tollward', action: chainBroken, subject: 'audit chain' } as const;
    await database.transaction((tx) => appendAuditEntry(tx, { ...fact, details: { fault } }, now, random));
  };

  const setState = ({ count, oldestAt }: UnlinkedEntries, now: number): void => {
    const newest = remembered?.newest;
    state = {
      unlinkedEntries: count,
      lagSeconds: oldestAt === null ? 0 : Math.max(0, now - oldestAt) / 1_000,
      checkpointAt: newest === undefined ? null : Date.parse(newest.signedAt),
      fault: state.fault,
    };
    onState(state);
  };

  const chain = async (thoroughly: boolean, now: number): Promise<void> => {
    let isFull = true;
    while (isFull) {
      const step = await chainAuditEntries({ thoroughly }, now, dependencies);
      if (step === undefined) return;
      remembered = step;
      for (const checkpoint of step.signed) announce(checkpoint, logger);
      isFull = step.isFull;
    }
  };

  const work = async (thoroughly: boolean, now: number): Promise<void> => {
    const unlinked = await database.read(readUnlinked);
    const hasLooked = remembered !== undefined && Math.abs(now - lookedAt) < lookEveryMs;
    const isQuiet = hasLooked && unlinked.count === 0 && !isDue(remembered, now);
    if (isQuiet && !thoroughly) return setState(unlinked, now);
    const view = await database.read((tx) => viewChain(tx, remembered));
    remembered = view;
    if (view.fault !== undefined) await noteFault(view.fault, now);
    const isKeyReady = await database.read((tx) => isKeyWaiting(tx, now));
    if (thoroughly || isKeyReady || isDue(view, now) || unlinked.count > 0) await chain(thoroughly, now);
    lookedAt = now;
    setState(await database.read(readUnlinked), now);
  };

  // What one call remembers must not be compared with what another one read before.
  let last: Promise<void> = Promise.resolve();
  const inLine = (thoroughly: boolean, now: number): Promise<void> => {
    const run = last.then(() => work(thoroughly, now));
    last = run.catch(() => undefined);
    return run;
  };

  return {
    keys: createAuditKeys(database, masterKey, random),
    state: () => state,
    turn: (now) => inLine(false, now),
    seal: (now) => inLine(true, now),
  };
}

function isDue(chain: RememberedChain | undefined, now: number): boolean {
  return chain !== undefined && decideCheckpointDue(chain.newest, chain.head.position, now);
}

/** In the log as well, which is outside of the database: an operator who keeps the log can hold the chain against it. */
function announce(checkpoint: CheckpointLine, logger: Logger): void {
  const { number, position, keyId, signedAt } = checkpoint;
  logger.info({ number, hash: hashCheckpoint(checkpoint), position, keyId, signedAt }, 'audit checkpoint');
}
