// Chains for tests, and the oracle: hashes and signatures as docs/adr/0027 describes them, made with node:crypto alone.

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { Database } from '../platform/database/database.js';
import { createMasterKey } from '../platform/keys/master-key.js';
import { createLog } from '../platform/observability/log.js';
import { SecretValue } from '../platform/secret-value.js';

import { type AuditFact, appendAuditEntry } from './append.js';
import { createDatabaseSource } from './chain-source.js';
import type { ChainLine, CheckpointLine, EntryLine, HeaderLine } from './export-format.js';
import { type AuditChainState, openAuditChain } from './open-audit-chain.js';
import type { ChainReport, VerifyChain } from './verify-chain.js';
import { verifySource } from './verify-export.js';

/** The clock of a test starts here. */
const someTime = Date.parse('2026-03-01T12:00:00.000Z');
export const zeros = '00'.repeat(32);

export function entryHashByHand(previousHash: string, position: number, entry: string): string {
  const place = position.toString(16).padStart(16, '0');
  const name = Buffer.from('tollward audit entry').toString('hex');
  const bytes = Buffer.from(`${name}00${previousHash}${place}${Buffer.from(entry, 'utf8').toString('hex')}`, 'hex');
  return createHash('sha256').update(bytes).digest('hex');
}

function statementByHand(line: CheckpointLine): string {
  const { number, position, entryHash, previousHash, signedAt, keyId } = line;
  return `["tollward audit checkpoint",1,${number},${position},"${entryHash}","${previousHash}","${signedAt}","${keyId}"]`;
}

export function checkpointHashByHand(line: CheckpointLine): string {
  return createHash('sha256').update(statementByHand(line)).digest('hex');
}

export interface KeyByHand {
  readonly id: string;
  readonly publicKey: string;
  readonly privateKey: KeyObject;
}

export function aKey(): KeyByHand {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { id: createHash('sha256').update(der).digest('hex'), publicKey: der.toString('base64'), privateKey };
}

export function signedByHand(line: CheckpointLine, { id, privateKey }: KeyByHand): CheckpointLine {
  const unsigned = { ...line, keyId: id };
  return { ...unsigned, signature: sign(null, Buffer.from(statementByHand(unsigned)), privateKey).toString('base64') };
}

export function successorByHand(keyId: string, { privateKey }: KeyByHand): string {
  return sign(null, Buffer.from(`["tollward audit key",1,"${keyId}"]`), privateKey).toString('base64');
}

/** Takes chain lines one after the other, each in its place with good hashes. */
export function buildChain(keys: readonly KeyByHand[]) {
  const lines: (EntryLine | CheckpointLine)[] = [];
  let head = { position: 0, hash: zeros };
  let last: CheckpointLine | undefined;
  let seconds = 0;
  const nextTime = (): string => new Date(someTime + 1_000 * seconds++).toISOString();
  return {
    entry: (action: string, subject: string, details: Record<string, string> = {}): void => {
      const position = head.position + 1;
      const id = `aud_${String(position).padStart(32, '0')}`;
      const occurredAt = nextTime();
      const members = Object.keys(details)
        .sort()
        .map((name) => `${JSON.stringify(name)}:${JSON.stringify(details[name])}`);
      const entry = `[1,"${id}","${occurredAt}","sandbox","operator","${action}","${subject}",{${members.join(',')}}]`;
      const entryHash = entryHashByHand(head.hash, position, entry);
      const columns = { id, occurredAt, environment: 'sandbox', actor: 'operator', action, subject };
      lines.push({ type: 'entry', position, ...columns, entry, previousHash: head.hash, entryHash });
      head = { position, hash: entryHash };
    },
    checkpoint: (key: KeyByHand): void => {
      const number = (last?.number ?? 0) + 1;
      const previousHash = last === undefined ? zeros : checkpointHashByHand(last);
      const place = { number, position: head.position, entryHash: head.hash, previousHash, signedAt: nextTime() };
      last = signedByHand({ type: 'checkpoint', ...place, keyId: key.id, signature: '' }, key);
      lines.push(last);
    },
    lines: (): ChainLine[] => [
      {
        type: 'header',
        format: 'tollward audit chain',
        version: 1,
        exportedAt: nextTime(),
        source: 'server',
        head,
        checkpoint: last?.number ?? 0,
        keys: keys.map(({ id, publicKey }) => ({ id, publicKey })),
      },
      ...lines,
    ],
  };
}

/** As if the database were new, in a fraction of the time. */
export function emptyChain(database: Database): Promise<void> {
  return database.transaction(async (tx) => {
    for (const table of ['audit_entries', 'audit_checkpoints', 'audit_keys'] as const) {
      await tx.deleteFrom(table).execute();
    }
  });
}

export type TestChain = Awaited<ReturnType<typeof openTestChain>>;

/** A node on a database, with a clock that a test moves. */
export async function openTestChain(database: Database, masterKey = createMasterKey(aMasterKey())) {
  const time = { now: someTime };
  const logged: { msg: string; [member: string]: unknown }[] = [];
  const states: AuditChainState[] = [];
  const { logger } = createLog('info', { write: (line) => void logged.push(JSON.parse(line)) });
  const onState = (state: AuditChainState) => void states.push(state);
  const open = () => openAuditChain({ database, masterKey, random: randomBytes, logger, onState }, time.now);
  const chain = await open();
  const source = (by: HeaderLine['source'] = 'server') => createDatabaseSource(database, by, () => time.now);
  return {
    chain,
    masterKey,
    time,
    logged: logged as readonly { msg: string; [member: string]: unknown }[],
    states: states as readonly AuditChainState[],
    source,
    /** The same node after a restart: it remembers nothing. */
    restarted: open,
    turn: (): Promise<void> => chain.turn(time.now),
    /** Lets the time pass in which the same place would not be signed again, and makes a turn. */
    turnLater: (ms = 10_000): Promise<void> => {
      time.now += ms;
      return chain.turn(time.now);
    },
    append: (subject: string, changes: Partial<AuditFact> = {}): Promise<void> =>
      database.transaction((tx) => appendAuditEntry(tx, { ...someFact, subject, ...changes }, time.now, randomBytes)),
    verify: (options: VerifyChain = {}): Promise<ChainReport> => verifySource(source(), options),
  };
}

const someFact = {
  environment: 'sandbox',
  actor: 'operator',
  action: 'thing.done',
  details: { name: 'Zoë "z"', count: 2 },
} as const;

function aMasterKey(): SecretValue {
  return new SecretValue(randomBytes(32).toString('base64'));
}

export function kindsOf({ problems }: ChainReport): readonly string[] {
  return problems.map(({ kind }) => kind);
}
