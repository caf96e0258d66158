// The authorities of one kind as keys that are listed and rotated.

import { type Environment, environments } from '@tollward/protocol';
import { appendAuditEntry } from '../audit/index.js';
import type { Database, Tx } from '../platform/database/database.js';
import { lockForUnit } from '../platform/database/unit-lock.js';
import { decideRotation, judgeGenerations } from '../platform/keys/decide-generations.js';
import { KeyConflictError } from '../platform/keys/key-conflict-error.js';
import type { MasterKey } from '../platform/keys/master-key.js';
import type { KeyDescription, RotatableKey } from '../platform/keys/rotatable-key.js';
import type { RandomBytes } from '../platform/random.js';
import {
  type AuthorityGeneration,
  deleteGenerations,
  loadGenerations,
  moveStart,
  resealGeneration,
} from './authority-store.js';
import type { BroughtAuthorities, BroughtAuthority } from './brought-authority.js';
import type { AuthorityKind } from './certificate-authority.js';
import { authorityTerms, countsUntil, nextDueAt, scheduledStart } from './decide-authority-terms.js';
import { makeGeneration } from './make-generation.js';

/** Held by whoever makes or ends authorities. */
export const authorityLock = 'certificate authorities';

export interface AuthorityKeyDependencies {
  readonly database: Database;
  readonly masterKey: MasterKey;
  readonly random: RandomBytes;
  readonly brought: BroughtAuthorities;
  /** Those that this process knows. */
  readonly held: (environment: Environment, kind: AuthorityKind) => readonly AuthorityGeneration[];
  readonly reload: () => Promise<void>;
}

export function createAuthorityKey(kind: AuthorityKind, dependencies: AuthorityKeyDependencies): RotatableKey {
  const { database, masterKey, random, held, reload } = dependencies;
  const terms = authorityTerms[kind];
  const broughtFor = (environment: Environment): BroughtAuthority | undefined =>
    kind === 'partner' ? dependencies.brought[environment] : undefined;

  /** One unit of work over those of this kind as they are now, then this process knows the outcome. */
  const change = async (work: (tx: Tx, stored: typeof held) => Promise<void>): Promise<void> => {
    await database.transaction(async (tx) => {
      await lockForUnit(tx, authorityLock);
      const all = await loadGenerations(
        tx,
        masterKey,
        environments.flatMap((environment) => held(environment, kind)),
      );
      await work(tx, (environment) => all.filter((one) => one.environment === environment && one.kind === kind));
    });
    await reload();
  };

  const listOf = (environment: Environment, now: number): readonly KeyDescription[] => {
    const brought = broughtFor(environment);
    const own = judgeGenerations(held(environment, kind), now).map((judged): KeyDescription => {
      const { generation, state, supersededAt } = judged;
      return {
        kind: `${kind}-ca`,
        environment,
        id: generation.id,
        state: brought === undefined ? state : 'retired',
        createdAt: generation.createdAt,
        activeFrom: generation.activeFrom,
        activeUntil: supersededAt ?? nextDueAt(generation) + terms.publishMs,
        readableUntil: countsUntil(judged),
      };
    });
    return brought === undefined ? own : [...own, describeBrought(environment, brought)];
  };

  const rotate = async (environment: Environment, activeFrom: number, now: number, tx: Tx, stored: typeof held) => {
    const generations = stored(environment, kind);
    const decision = decideRotation(generations, activeFrom, now);
    switch (decision.kind) {
      case 'make': {
        // Two of the same moment would have no order.
        const afterAll = Math.max(activeFrom, ...generations.map((one) => one.activeFrom + 1));
        const wanted = { environment, kind, edition: editionOf(now), activeFrom: afterAll, actor: 'operator' } as const;
        return makeGeneration(tx, wanted, now, dependencies);
      }
      case 'bring-forward': {
        const { id } = decision.next;
        await moveStart(tx, id, activeFrom);
        const details = { id, activeFrom: new Date(activeFrom).toISOString() };
        const action = 'certificate_authority.brought_forward';
        return appendAuditEntry(tx, { environment, actor: 'operator', action, subject: kind, details }, now, random);
      }
      case 'conflict': {
        const { id } = decision.next;
        const from = new Date(decision.next.activeFrom).toISOString();
        throw new KeyConflictError(
          `The next ${kind} authority of ${environment}, ${id}, is published already and used from ${from} on. ` +
            'To use it sooner, rotate again with a shorter time of publication.',
        );
      }
    }
  };

  return {
    kind: `${kind}-ca`,
    list: (now) => Promise.resolve(environments.flatMap((environment) => listOf(environment, now))),
    rotate: async ({ environment, publishSeconds }, now) => {
      const wanted = environment === undefined ? environments : [environment];
      const brought = wanted.find((each) => broughtFor(each) !== undefined);
      if (brought !== undefined) {
        throw new KeyConflictError(
          `The partner authority of ${brought} comes from the settings: name its successor there instead. Nothing was changed.`,
        );
      }
      const activeFrom = now + (publishSeconds === undefined ? terms.publishMs : publishSeconds * 1_000);
      await change(async (tx, stored) => {
        for (const each of wanted) await rotate(each, activeFrom, now, tx, stored);
      });
      return wanted.flatMap((each) => listOf(each, now));
    },
    maintain: async (now) => {
      const dueIn = (generations: readonly AuthorityGeneration[]) => {
        const judged = judgeGenerations(generations, now);
        const newest = judged.at(-1)?.generation;
        return {
          worthless: judged.filter((one) => one.state === 'retired' && countsUntil(one) <= now),
          predecessor: newest !== undefined && nextDueAt(newest) <= now ? newest : undefined,
        };
      };
      for (const environment of environments) {
        if (broughtFor(environment) !== undefined) continue;
        const { worthless, predecessor } = dueIn(held(environment, kind));
        if (worthless.length === 0 && predecessor === undefined) continue;
        await change(async (tx, stored) => {
          const due = dueIn(stored(environment, kind));
          if (due.predecessor !== undefined) {
            const activeFrom = scheduledStart(due.predecessor, now);
            const wanted = { environment, kind, edition: editionOf(now), activeFrom, actor: 'tollward' } as const;
            await makeGeneration(tx, wanted, now, dependencies);
          }
          await deleteGenerations(
            tx,
            due.worthless.map(({ generation }) => generation.id),
          );
        });
      }
    },
    reload,
    reseal: async (by) => {
      const stored = await database.read((tx) => loadGenerations(tx, by));
      let count = 0;
      for (const { id } of stored.filter((one) => one.kind === kind)) {
        count += await database.transaction((tx) => resealGeneration(tx, by, id));
      }
      return count;
    },
  };
}

/** What tells the names of a later authority from those of the one before. */
function editionOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}

function describeBrought(environment: Environment, { facts, validity }: BroughtAuthority): KeyDescription {
  return {
    kind: 'partner-ca',
    environment,
    id: `brought ${facts.sha256.toString('hex', 0, 8)}`,
    state: 'active',
    createdAt: facts.notBefore,
    activeFrom: validity.notBefore,
    activeUntil: null,
    readableUntil: validity.notAfter,
  };
}
