// The tokens of one client, in memory only. Any number of calls may ask at once; the endpoint is asked once.

import { PartnerClientError, TokenError } from '../errors.js';
import type { SharedLine } from '../lines.js';
import type { AccessToken } from './access-token.js';
import { decideToken, type HeldToken, type Moment, minimumMs, postponeRenewal, remainingMs } from './decide-token.js';
import { Pauses } from './pauses.js';
import { requestToken, secretUnavailable, type TokenRequestParts } from './request-token.js';

export interface TokenWish {
  readonly minimumRemainingMs: number | undefined;
  /** Whether a token that is there already will not do. */
  readonly fresh?: boolean;
}

export class TokenSource {
  readonly #parts: TokenRequestParts;
  /** A token is bound to the certificate it was obtained with, so each thumbprint has its own. Null is that of no certificate. */
  readonly #held = new Map<string | null, HeldToken>();
  readonly #flights = new Map<string | null, Promise<HeldToken>>();
  /** Failures that asking again at once would not mend, and that might lock the client out. */
  readonly #failures: Pauses<Error>;
  /** A token was refused that had never worked: the next one may be too. */
  readonly #refusals: Pauses<true>;
  /** Tokens live so long, and somebody wanted more. */
  readonly #shortLives: Pauses<number>;
  readonly #accepted = new WeakSet<AccessToken>();
  readonly #closing = new AbortController();

  constructor(parts: TokenRequestParts) {
    this.#parts = parts;
    const { world } = parts.surroundings;
    this.#failures = new Pauses(world);
    this.#refusals = new Pauses(world);
    this.#shortLives = new Pauses(world);
  }

  /** @throws TokenError, or what the connection fails with. A token request that others wait for too goes on when one gives up. */
  async take(line: SharedLine, { minimumRemainingMs, fresh = false }: TokenWish): Promise<AccessToken> {
    const key = line.thumbprint;
    const held = this.#held.get(key);
    const { renewAhead } = this.#parts.settings;
    const decision = fresh ? 'fetch' : decideToken(held, this.#now(), { minimumRemainingMs, renewAhead });
    if (held !== undefined && decision !== 'fetch') {
      if (decision === 'use-and-renew') this.#renew(line, held);
      return held.token;
    }
    const failure = this.#failures.learnt(key);
    if (failure !== undefined) throw failure;
    const shortLifeMs = this.#shortLives.learnt(key);
    if (!fresh && shortLifeMs !== undefined && shortLifeMs < minimumMs(shortLifeMs, minimumRemainingMs)) {
      throw lifeTooShort(shortLifeMs, minimumRemainingMs);
    }
    const next = await ((fresh ? undefined : this.#flights.get(key)) ?? this.#fetch(line));
    if (remainingMs(next, this.#now()) >= minimumMs(next.lifeMs, minimumRemainingMs)) return next.token;
    this.#shortLives.begin(key, next.lifeMs);
    throw lifeTooShort(next.lifeMs, minimumRemainingMs);
  }

  /** The API did not refuse it. */
  noteAccepted(token: AccessToken): void {
    this.#accepted.add(token);
  }

  /**
   * A token that was refused. One that was fetched since stays.
   *
   * @returns false when another one would hardly do better: the one before was refused as well just now, and neither ever worked. Then it stays
   */
  forget({ value }: AccessToken): boolean {
    for (const [key, { token }] of this.#held) {
      if (token.value !== value) continue;
      if (!this.#accepted.has(token)) {
        if (this.#refusals.learnt(key) !== undefined) return false;
        this.#refusals.begin(key, true);
      }
      this.#held.delete(key);
    }
    return true;
  }

  /** @param reason what those get who still wait */
  close(reason: Error): void {
    this.#closing.abort(reason);
    this.#held.clear();
  }

  #fetch(line: SharedLine): Promise<HeldToken> {
    const key = line.thumbprint;
    const release = line.hold();
    const flight = requestToken(line, this.#parts, this.#closing.signal)
      .then((fetched) => {
        this.#forgetExpired();
        this.#held.set(key, fetched);
        this.#failures.end(key);
        return fetched;
      })
      .catch((error: unknown) => {
        if (isLasting(error)) this.#failures.begin(key, error);
        throw error;
      })
      .finally(() => {
        release();
        if (this.#flights.get(key) === flight) this.#flights.delete(key);
      });
    this.#flights.set(key, flight);
    return flight;
  }

  #renew(line: SharedLine, held: HeldToken): void {
    const key = line.thumbprint;
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

function lifeTooShort(lifeMs: number, minimumRemainingMs: number | undefined): TokenError {
  const neededMs = minimumMs(lifeMs, minimumRemainingMs);
  return new TokenError(
    `Tokens live ${lifeMs / 1000} s here, and one with at least ${neededMs / 1000} s left was asked for. Lower minimumRemainingSeconds.`,
    { code: 'life-too-short' },
  );
}

/** What the next call would meet too: a refusal, a secret that can not be used, or none to be had. */
function isLasting(error: unknown): error is PartnerClientError {
  return error instanceof PartnerClientError && (!error.isRetryable || error.code === secretUnavailable);
}
