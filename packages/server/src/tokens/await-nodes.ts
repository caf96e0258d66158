import type { Database } from '../platform/database/database.js';
import { findOwner, listConfirmations, type NodeConfirmation } from './standing-confirmation-store.js';

export interface AwaitedNode {
  readonly id: string;
  readonly name: string;
  /** `refusing`: it was silent for so long that it answers from memory no more, and learns of the change before it does again. */
  readonly state: 'confirmed' | 'refusing' | 'waiting';
}

export interface AwaitNodesDependencies {
  readonly database: Database;
  readonly monotonic: () => number;
  readonly delay: (ms: number) => Promise<void>;
}

const lookAgainMs = 20;

/**
 * Resolves when every live node has taken every change of a client into account, or when the time is over. Undefined when
 * there is no such client, secret or certificate. On a database that nobody shares there is nobody to wait for.
 */
export async function awaitNodes(
  subject: string,
  timeoutMs: number,
  { database, monotonic, delay }: AwaitNodesDependencies,
): Promise<readonly AwaitedNode[] | undefined> {
  const until = monotonic() + timeoutMs;
  const owner = await database.read((tx) => findOwner(tx, subject));
  if (owner === undefined) return undefined;
  for (;;) {
    const nodes = (await database.read((tx) => listConfirmations(tx, owner))).map(judge);
    if (nodes.every(({ state }) => state !== 'waiting') || monotonic() >= until) return nodes;
    await delay(lookAgainMs);
  }
}

function judge({ id, name, confirmed, silentMs, boundMs }: NodeConfirmation): AwaitedNode {
  const state = confirmed ? 'confirmed' : silentMs > boundMs ? 'refusing' : 'waiting';
  return { id, name, state };
}
