// The upstreams of this process, opened when they are first needed. What is known of one may change while it runs: its policy
// is read again, or its address becomes known. Then a new one takes its place, and requests that run end on the old one.

import type { Environment } from '@tollward/protocol';
import { openUpstream, type Upstream } from './upstream.js';
import type { UpstreamProblem } from './upstream-problem.js';

/** As the route policy has it. */
export interface UpstreamDescription {
  readonly name: string;
  readonly url: string | undefined;
  readonly ca: string | undefined;
  readonly connectSeconds: number;
  readonly answerSeconds: number;
  readonly idleSeconds: number;
  readonly maximumConnections: number;
}

export interface UpstreamPools {
  /** Undefined when nobody knows its address. */
  of(environment: Environment, description: UpstreamDescription): Upstream | undefined;
  /** Ends everything now: to be called when nobody waits for an answer any more. */
  destroy(): Promise<void>;
}

interface Entry {
  /** The last description it was asked for with. */
  description: UpstreamDescription;
  readonly url: string;
  readonly upstream: Upstream;
}

export interface UpstreamPoolsOptions {
  /** The address of those that have none of their own. */
  readonly urlOf: (environment: Environment) => string | undefined;
  /** Milliseconds of a clock that is never set back. */
  readonly monotonic: () => number;
  readonly onAnswered: (environment: Environment, upstream: string, status: number, durationMs: number) => void;
  readonly onProblem: (environment: Environment, upstream: string, problem: UpstreamProblem) => void;
}

export function createUpstreamPools({ urlOf, monotonic, onAnswered, onProblem }: UpstreamPoolsOptions): UpstreamPools {
  const entries = { sandbox: new Map<string, Entry>(), production: new Map<string, Entry>() };
  /** Of a policy that was read again since. A call that began before gets what is there now. */
  const outdated = new WeakSet<UpstreamDescription>();

  const open = (environment: Environment, description: UpstreamDescription, url: string): Upstream => {
    const { name, ca, maximumConnections } = description;
    return openUpstream({
      url,
      ca,
      connectMs: description.connectSeconds * 1_000,
      answerMs: description.answerSeconds * 1_000,
      idleMs: description.idleSeconds * 1_000,
      maximumConnections,
      monotonic,
      onAnswered: (status, durationMs) => onAnswered(environment, name, status, durationMs),
      onProblem: (problem) => onProblem(environment, name, problem),
    });
  };

  /** Takes the place of `known`, unless that is the same. */
  const replace = (
    known: Entry | undefined,
    environment: Environment,
    description: UpstreamDescription,
    url: string,
  ): Entry => {
    if (known !== undefined && known.description !== description) {
      outdated.add(known.description);
      if (known.url === url && isSame(known.description, description)) {
        known.description = description;
        return known;
      }
    }
    const entry = { description, url, upstream: open(environment, description, url) };
    void known?.upstream.close();
    return entry;
  };

  return {
    of: (environment, description) => {
      const byName = entries[environment];
      const known = byName.get(description.name);
      const url = description.url ?? urlOf(environment);
      if (known !== undefined) {
        if (known.description === description && known.url === url) return known.upstream;
        if (outdated.has(description)) return known.upstream;
      }
      if (url === undefined) return undefined;
      const entry = replace(known, environment, description, url);
      byName.set(description.name, entry);
      return entry.upstream;
    },
    destroy: async () => {
      const all = [...entries.sandbox.values(), ...entries.production.values()];
      await Promise.all(all.map(({ upstream }) => upstream.destroy()));
    },
  };
}

function isSame(one: UpstreamDescription, other: UpstreamDescription): boolean {
  return (
    one.ca === other.ca &&
    one.connectSeconds === other.connectSeconds &&
    one.answerSeconds === other.answerSeconds &&
    one.idleSeconds === other.idleSeconds &&
    one.maximumConnections === other.maximumConnections
  );
}
