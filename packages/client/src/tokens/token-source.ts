// The tokens of one client, in memory only. Any number of calls may ask at once; the endpoint is asked once.

import { TokenError } from '../errors.js';
import type { SharedLine } from '../lines.js';
import type { AccessToken } from './access-token.js';
import { decideToken, type HeldToken, type Moment, minimumMs, postponeRenewal, remainingMs } from './decide-token.js';
import { requestToken, type TokenRequestParts } from './request-token.js';

export interface TokenWish {
  readonly minimumRemainingMs: number | undefined;
  /** Whether a token that is there already will not do. */
  readonly fresh?: boolean;
}

export class TokenSource {
  readonly #parts: TokenRequestParts;
  /** A token is bound to the certificate it was obtained with, so each has its own. The empty key is that of no certificate. */
  readonly #held = new Map<string, HeldToken>();
  readonly #flights = new Map<string, Promise<HeldToken>>();
  readonly #closing = new AbortController();

  constructor(parts: TokenRequestParts) {
    this.#parts = parts;
  }

  /** @throws TokenError, or what the connection fails with. A token request that others wait for too goes on when one gives up. */
  async take(line: SharedLine, { minimumRemainingMs, fresh = false }: TokenWish): Promise<AccessToken> {
    const key = keyOf(line);
    const held = this.#held.get(key);
    const { renewAhead } = this.#parts.settings;
    const decision = fresh ? 'fetch' : decideToken(held, this.#now(), { minimumRemainingMs, renewAhead });
    if (held !== undefined && decision !== 'fetch') {
      if (decision === 'use-and-renew') this.#renew(line, held);
      return held.token;
    }
    const next = await ((fresh ? undefined : this.#flights.get(key)) ?? this.#fetch(line));
    const needed = minimumMs(next.lifeMs, minimumRemainingMs);
    if (remainingMs(next, this.#now()) >= needed) return next.token;
    throw new TokenError(
      `Tokens live ${next.lifeMs / 1000} s here, and one with at least ${needed / 1000} s left was asked for. Lower minimumRemainingSeconds.`,
      { code: 'life-too-short' },
    );
  }

  /** A token that was refused. One that was fetched since stays. */
  forget({ value }: AccessToken): void {
    for (const [key, { token }] of this.#held) {
      if (token.value === value) this.#held.delete(key);
    }
  }

  /** @param reason what those get who still wait */
  close(reason: Error): void {
    this.#closing.abort(reason);
    this.#held.clear();
  }

  #fetch(line: SharedLine): Promise<HeldToken> {
    const key = keyOf(line);
    const release = line.hold();
    const flight = requestToken(line, this.#parts, this.#closing.signal)
      .then((fetched) => {
        this.#forgetExpired();
        this.#held.set(key, fetched);
        return fetched;
      })
      .finally(() => {
        release();
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      });
    this.#flights.set(key, flight);
    return flight;
  }

  #renew(line: SharedLine, held: HeldToken): void {
    const key = keyOf(line);
    if (this.#flights.has(key)) return;
    this.#fetch(line).catch((error: unknown) => {
      const { observe, world } = this.#parts.surroundings;
      if (this.#held.get(key) === held) this.#held.set(key, postponeRenewal(held, this.#now(), world.random()));
      if (error instanceof Error && !this.#closing.signal.aborted) observe({ type: 'token:renewal-failed', error });
    });
  }

  /** Of certificates that were replaced. */
  #forgetExpired(): void {
    for (const [key, held] of this.#held) {
      if (remainingMs(held, this.#now()) <= 0) this.#held.delete(key);
    }
  }

  #now(): Moment {
    const { world } = this.#parts.surroundings;
    return { clock: world.clock(), steady: world.steadyClock() };
  }
}

function keyOf({ thumbprint }: Pick<SharedLine, 'thumbprint'>): string {
  return thumbprint ?? '';
}
