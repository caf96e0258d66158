import type { Agent as HttpsAgent } from 'node:https';
import { inspect } from 'node:util';
import type { Dispatcher } from 'undici';
import { ClientClosedError, TimeoutError } from './errors.js';
import { FixedCaller, type JobClient } from './job-client.js';
import { type SharedLine, takeLine } from './lines.js';
import { openObserver } from './observe/observer.js';
import { findOpenTelemetry, openTracing } from './observe/tracing.js';
import type { PartnerClientOptions } from './options.js';
import { readOptions } from './read-options.js';
import { maximumTimerMs, readMinimumRemaining, readNumber } from './read-values.js';
import { ApiCaller } from './request/api-caller.js';
import { type ApiFetch, openFetch } from './request/api-fetch.js';
import { type Deadline, openDeadline } from './request/deadline.js';
import { type CallParts, performCall } from './request/perform-call.js';
import { readRequest } from './request/read-request.js';
import type { ApiResponse, BodyOf, RequestOptions, ResponseType } from './request/request-options.js';
import type { AccessToken } from './tokens/access-token.js';
import { TokenSource } from './tokens/token-source.js';
import { openTransport } from './transport/open-transport.js';
import type { Transport } from './transport/transport.js';
import { realWorld } from './world.js';

export interface TokenOptions {
  /** With at least this left. Default: that of the client. */
  readonly minimumRemainingSeconds?: number | undefined;
  /** Whether to ask for a new one, whatever is there. Default: false. */
  readonly fresh?: boolean | undefined;
}

export interface CloseOptions {
  /** For running calls, jobs and open streams to end by themselves: then their connections are broken. Default: 10 000; 0 for at once. */
  readonly timeoutMs?: number | undefined;
}

export interface CertificateStatus {
  /** As in `CN=client, O=Example`. */
  readonly subject: string;
  /** Base64url SHA-256 (RFC 8705 section 3.1). */
  readonly thumbprint: string;
  readonly validTo: Date;
  /** Whole days, rounded down; negative after the end. */
  readonly daysLeft: number;
}

const dayMs = 86_400_000;
const notRead = 'Certificate and key could not be read';

/**
 * Calls the API of a money platform as a partner: mutual TLS, client-credentials tokens (RFC 6749 section 4.4, RFC 8705), retries of
 * what is safe. Make one for a process or a worker, and close it at the end. Any number of calls may run at once.
 */
export class PartnerClient extends ApiCaller {
  readonly #parts: CallParts;
  readonly #transport: Transport;
  readonly #running = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  /**
   * `fetch` with the client's token and certificate, for code and libraries that are written for it. Resolves for every status, as
   * fetch does; only an `invalid_token` is repeated, with a new token, unless the body is a stream. Redirects are not followed.
   * `timeoutMs` counts until the headers: end the reading of a body with a `signal`, and cancel a body that is not read.
   *
   * @throws what `request` throws, but no ApiError
   */
  readonly fetch: ApiFetch;

  /**
   * Opens no connection and reads no file yet.
   *
   * @throws ConfigurationError for options that can not be used
   * @throws EnvironmentMismatchError when the credentials are of the other environment
   */
  constructor(options: PartnerClientOptions) {
    super();
    const settings = readOptions(options);
    const observe = openObserver(settings.onEvent);
    const { mtls, ca, systemAuthorities } = settings;
    const { clock } = realWorld;
    this.#transport = openTransport({ mtls, ca, systemAuthorities, clock, onEvent: observe });
    const surroundings = {
      origin: settings.environment.origin,
      observe,
      startSpan: openTracing(findOpenTelemetry()),
      world: realWorld,
    };
    const tokens = new TokenSource({ settings, surroundings });
    this.#parts = { settings, surroundings, transport: this.#transport, tokens };
    const fetch = openFetch(this.#parts);
    this.fetch = (input, init) => this.#run(() => fetch(input, init));
  }

  override request<T = unknown, R extends ResponseType = ResponseType>(
    method: string,
    path: string,
    options: RequestOptions<R> = {},
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    return this.#run(async () => {
      const call = readRequest(method, path, options, this.#parts.settings);
      return (await performCall(call, this.#parts)) as ApiResponse<BodyOf<T, R>>;
    });
  }

  /**
   * The token of this client, for other programs and libraries. Ask again for each use: it is renewed.
   *
   * @throws TokenError, or what the connection fails with
   */
  token(options: TokenOptions = {}): Promise<AccessToken> {
    const { minimumRemainingSeconds, fresh = false } = options;
    return this.#run(() =>
      this.#withLine('There was no token', (line, deadline) =>
        deadline.race(
          this.#parts.tokens.take(line, { minimumRemainingMs: this.#minimumMs(minimumRemainingSeconds), fresh }),
        ),
      ),
    );
  }

  /**
   * Work that finishes within the life of one token: all its calls use the same token and certificate, even when either is replaced meanwhile.
   *
   * @param options with how many seconds left the token has to start
   * @returns what `work` returns
   * @throws TokenError when no token lives that long
   */
  job<T>(options: { readonly minimumRemainingSeconds: number }, work: (client: JobClient) => Promise<T>): Promise<T> {
    return this.#run(() =>
      this.#withLine('There was no token', async (line, deadline) => {
        const wish = { minimumRemainingMs: this.#minimumMs(options.minimumRemainingSeconds) };
        const token = await deadline.race(this.#parts.tokens.take(line, wish));
        deadline.end();
        const caller = new FixedCaller(this.#parts, { line, token });
        try {
          return await work(caller);
        } finally {
          caller.end();
        }
      }),
    );
  }

  /** For other HTTP libraries that take an undici dispatcher: the client's certificate and trust, without a token. */
  get dispatcher(): Dispatcher {
    return this.#transport.dispatcher;
  }

  /** For those that take a Node agent: the same. */
  httpsAgent(): HttpsAgent {
    return this.#transport.httpsAgent();
  }

  /**
   * The certificate in use, and how long it lasts. Null without one.
   *
   * @throws CertificateError when there is no usable one @throws TimeoutError
   */
  checkCertificate(): Promise<CertificateStatus | null> {
    return this.#run(() =>
      this.#withLine(notRead, async ({ certificate }) => {
        if (certificate === null) return null;
        const { subject, thumbprint, validTo } = certificate;
        const daysLeft = Math.floor((validTo.getTime() - realWorld.clock()) / dayMs);
        return { subject, thumbprint, validTo, daysLeft };
      }),
    );
  }

  /** Reads certificate, key and authorities again now. @throws CertificateError @throws TimeoutError; what was in use stays in use then */
  reload(): Promise<void> {
    return this.#run(() => this.#withDeadline(notRead, (deadline) => deadline.race(this.#transport.reload())));
  }

  /**
   * Refuses new calls, lets running ones end for a while, and closes the connections. Of several calls of it, the first one counts.
   *
   * @throws ConfigurationError
   */
  async close({ timeoutMs }: CloseOptions = {}): Promise<void> {
    const limitMs = readNumber(timeoutMs, 10_000, 'timeoutMs', { from: 0, to: maximumTimerMs });
    this.#closing ??= this.#close(limitMs);
    await this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  toJSON(): object {
    const { environment, clientId, mtls } = this.#parts.settings;
    return { origin: environment.origin, clientId, mtls: mtls !== undefined, closed: this.#closing !== undefined };
  }

  [inspect.custom](): string {
    return `PartnerClient ${inspect(this.toJSON())}`;
  }

  async #close(timeoutMs: number): Promise<void> {
    const reason = new ClientClosedError();
    const { steadyClock } = realWorld;
    const deadline = openDeadline({ timeoutMs, signal: undefined, steadyClock, reason: () => reason });
    // A job that closes its own client waits for itself, and ends with the time.
    await deadline.race(Promise.allSettled(this.#running)).catch(() => undefined);
    this.#parts.tokens.close(reason);
    await this.#transport.close(Math.max(deadline.remainingMs(), 0));
    deadline.end();
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) throw new ClientClosedError();
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  #withLine<T>(failure: string, work: (line: SharedLine, deadline: Deadline) => Promise<T>): Promise<T> {
    return this.#withDeadline(failure, async (deadline) => {
      const { line, release } = await takeLine(this.#transport, deadline);
      try {
        return await work(line, deadline);
      } finally {
        release();
      }
    });
  }

  async #withDeadline<T>(failure: string, work: (deadline: Deadline) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.#parts.settings;
    const facts = { isRetryable: true, mayHaveArrived: false };
    const deadline = openDeadline({
      timeoutMs,
      signal: undefined,
      steadyClock: realWorld.steadyClock,
      reason: () => new TimeoutError(`${failure} within ${timeoutMs} ms.`, facts),
    });
    try {
      return await work(deadline);
    } finally {
      deadline.end();
    }
  }

  #minimumMs(seconds: number | undefined): number | undefined {
    return readMinimumRemaining(seconds, 'minimumRemainingSeconds') ?? this.#parts.settings.minimumRemainingMs;
  }
}
