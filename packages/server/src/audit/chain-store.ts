import { sql } from 'kysely';
import type { ReadTx, Tx } from '../platform/database/database.js';
import type { Row } from '../platform/database/tables.js';
import { noHash } from './chain-hash.js';
import type { CheckpointLine, EntryLine, HeaderLine } from './export-format.js';

/** A place in a chain and the hash there, in hexadecimal. */
export interface ChainPlace {
  readonly position: number;
  readonly hash: string;
}

export interface UnlinkedEntries {
  readonly count: number;
  /** When the oldest of them happened, in milliseconds since the epoch; null when there is none. */
  readonly oldestAt: number | null;
}

export async function readUnlinked(tx: ReadTx): Promise<UnlinkedEntries> {
  const { count, oldest } = await tx
    .selectFrom('audit_entries')
    .select(({ fn }) => [fn.countAll<bigint>().as('count'), fn.min('occurred_at').as('oldest')])
    .where('chain_position', 'is', null)
    .executeTakeFirstOrThrow();
  return { count: Number(count), oldestAt: oldest?.getTime() ?? null };
}

/**
 * The next ones to link, in order. Whatever is committed is linked: a transaction that is open for long, in any database of
 * the server, keeps nothing waiting, and its own entries come when it ends.
 */
export function readLinkable(
  tx: ReadTx,
  limit: number,
): Promise<readonly Pick<Row<'audit_entries'>, 'id' | 'entry'>[]> {
  return tx
    .selectFrom('audit_entries')
    .select(['id', 'entry'])
    .where('chain_position', 'is', null)
    .orderBy('transaction_id')
    .orderBy('id')
    .limit(limit)
    .execute();
}

export interface Link {
  readonly id: string;
  readonly position: number;
  readonly previousHash: string;
  readonly entryHash: string;
}

export async function storeLinks(tx: Tx, links: readonly Link[]): Promise<void> {
  const { numAffectedRows } = await sql`
    update audit_entries set
      chain_position = link.position,
      previous_hash = decode(link."previousHash", 'hex'),
      entry_hash = decode(link."entryHash", 'hex')
    from json_to_recordset(${JSON.stringify(links)}::json)
      as link (id text, position bigint, "previousHash" text, "entryHash" text)
    where audit_entries.id = link.id and chain_position is null`.execute(tx);
  if (Number(numAffectedRows) !== links.length) throw new Error('an audit entry that was being linked has changed');
}

export async function readHead(tx: ReadTx): Promise<ChainPlace> {
  const row = await tx
    .selectFrom('audit_entries')
    .select(['chain_position', 'entry_hash'])
    .where('chain_position', 'is not', null)
    .orderBy('chain_position', 'desc')
    .limit(1)
    .executeTakeFirst();
  return { position: Number(row?.chain_position ?? 0), hash: hexOf(row?.entry_hash ?? noHash) };
}

/** The hash at a position; undefined when there is no such entry. Before the first one it is 32 zero bytes. */
export async function readHashAt(tx: ReadTx, position: number): Promise<string | undefined> {
  if (position === 0) return hexOf(noHash);
  const row = await tx
    .selectFrom('audit_entries')
    .select('entry_hash')
    .where('chain_position', '=', BigInt(position))
    .executeTakeFirst();
  return row === undefined ? undefined : hexOf(row.entry_hash);
}

/** Those after a position up to another one, in order. */
export async function readEntryLines(
  tx: ReadTx,
  after: number,
  until: number,
  limit: number,
): Promise<readonly EntryLine[]> {
  const rows = await tx
    .selectFrom('audit_entries')
    .selectAll()
    .where('chain_position', '>', BigInt(after))
    .where('chain_position', '<=', BigInt(until))
    .orderBy('chain_position')
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    type: 'entry',
    position: Number(row.chain_position),
    id: row.id,
    occurredAt: isoOf(row.occurred_at),
    environment: row.environment,
    actor: row.actor,
    action: row.action,
    subject: row.subject,
    entry: row.entry.toString('utf8'),
    previousHash: hexOf(row.previous_hash),
    entryHash: hexOf(row.entry_hash),
  }));
}

export async function readCheckpointLines(
  tx: ReadTx,
  after: number,
  until: number,
  limit: number,
): Promise<readonly CheckpointLine[]> {
  const rows = await tx
    .selectFrom('audit_checkpoints')
    .selectAll()
    .where('number', '>', BigInt(after))
    .where('number', '<=', BigInt(until))
    .orderBy('number')
    .limit(limit)
    .execute();
  return rows.map(toCheckpointLine);
}

export async function readNewestCheckpoint(tx: ReadTx): Promise<CheckpointLine | undefined> {
  const row = await tx
    .selectFrom('audit_checkpoints')
    .selectAll()
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : toCheckpointLine(row);
}

export async function readCheckpoint(tx: ReadTx, number: number): Promise<CheckpointLine | undefined> {
  const [line] = await readCheckpointLines(tx, number - 1, number, 1);
  return line;
}

export async function storeCheckpoint(tx: Tx, line: CheckpointLine): Promise<void> {
  await tx
    .insertInto('audit_checkpoints')
    .values({
      number: BigInt(line.number),
      position: BigInt(line.position),
      entry_hash: Buffer.from(line.entryHash, 'hex'),
      previous_hash: Buffer.from(line.previousHash, 'hex'),
      signed_at: new Date(line.signedAt),
      key_id: line.keyId,
      signature: Buffer.from(line.signature, 'base64'),
    })
    .execute();
}

/** Public keys, the oldest first. */
export async function readPublicKeys(tx: ReadTx): Promise<HeaderLine['keys']> {
  const rows = await tx
    .selectFrom('audit_keys')
    .select(['id', 'public_key'])
    .orderBy('created_at')
    .orderBy('id')
    .execute();
  return rows.map(({ id, public_key }) => ({ id, publicKey: public_key.toString('base64') }));
}

function toCheckpointLine(row: Row<'audit_checkpoints'>): CheckpointLine {
  return {
    type: 'checkpoint',
    number: Number(row.number),
    position: Number(row.position),
    entryHash: hexOf(row.entry_hash),
    previousHash: hexOf(row.previous_hash),
    signedAt: isoOf(row.signed_at),
    keyId: row.key_id,
    signature: row.signature.toString('base64'),
  };
}

function hexOf(bytes: Buffer | null): string {
  return bytes?.toString('hex') ?? '';
}

/** Whoever changes a row can also write a time that is none, such as "infinity". */
function isoOf(time: unknown): string {
  return time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : String(time);
}
