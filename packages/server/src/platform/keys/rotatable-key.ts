// What every kind of key that Tollward makes and replaces has in common: it is listed, rotated by command and by
// schedule, read again when another node changed it, and sealed anew under another master key.

import type { Environment } from '@tollward/protocol';
import type { MasterKey } from './master-key.js';

export const keyKinds = ['token', 'hmac', 'ticket', 'signing', 'audit', 'partner-ca', 'platform-ca'] as const;

export type KeyKind = (typeof keyKinds)[number];

/**
 * `next`: published, and not used yet. `active`: what new things are made with. `retired`: makes nothing new, and what it
 * made is still good. Keys that are worth nothing any more are deleted.
 */
export type KeyState = 'next' | 'active' | 'retired';

export interface KeyDescription {
  readonly kind: KeyKind;
  /** Null: one key for the whole installation. */
  readonly environment: Environment | null;
  readonly id: string;
  readonly state: KeyState;
  /** Times in milliseconds since the epoch. */
  readonly createdAt: number;
  readonly activeFrom: number;
  /** When the schedule replaces it; null when only a command does. */
  readonly activeUntil: number | null;
  /** Until when what it made is good; null when that is not known ahead. */
  readonly readableUntil: number | null;
}

export interface RotateKey {
  /** Left out: both environments, each with a key of its own. Ignored where there is one key for both. */
  readonly environment?: Environment | undefined;
  /** How long the new key is published before it is used; left out: what is usual for its kind. */
  readonly publishSeconds?: number | undefined;
}

export interface RotatableKey {
  readonly kind: KeyKind;
  list(now: number): Promise<readonly KeyDescription[]>;
  /** Makes the next key, with an audit entry in the same unit of work. Nothing made by earlier keys stops working. */
  rotate(request: RotateKey, now: number): Promise<readonly KeyDescription[]>;
  /**
   * The schedule, about once a minute and on every node: makes the next key in time, deletes what is worth nothing.
   *
   * @param now by the database's clock, never by that of a node: one that is ahead would delete what all others need
   */
  maintain(now: number): Promise<void>;
  /** Reads the keys again, because another node changed them. */
  reload(): Promise<void>;
  /** Seals every private part anew under this master key. Resolves to how many were not sealed by it before. */
  reseal(masterKey: MasterKey): Promise<number>;
}
