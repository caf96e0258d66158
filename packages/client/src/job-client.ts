import { inspect } from 'node:util';
import { ConfigurationError } from './errors.js';
import { ApiCaller } from './request/api-caller.js';
import { type CallParts, type FixedSession, performCall } from './request/perform-call.js';
import { readRequest } from './request/read-request.js';
import type { ApiResponse, BodyOf, RequestOptions, ResponseType } from './request/request-options.js';
import type { AccessToken } from './tokens/access-token.js';

/** What a job calls the API with: one token and one certificate for all its calls. Neither is renewed, and it ends with the job. */
export interface JobClient extends ApiCaller {
  readonly token: AccessToken;
}

export class FixedCaller extends ApiCaller implements JobClient {
  readonly #parts: CallParts;
  readonly #session: FixedSession;
  #isOver = false;

  constructor(parts: CallParts, session: FixedSession) {
    super();
    this.#parts = parts;
    this.#session = session;
  }

  get token(): AccessToken {
    return this.#session.token;
  }

  override async request<T = unknown, R extends ResponseType = ResponseType>(
    method: string,
    path: string,
    options: RequestOptions<R> = {},
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    if (this.#isOver) {
      throw new ConfigurationError('This job is over. Await its calls before its function returns.');
    }
    const call = readRequest(method, path, options, this.#parts.settings);
    return (await performCall(call, this.#parts, this.#session)) as ApiResponse<BodyOf<T, R>>;
  }

  end(): void {
    this.#isOver = true;
  }

  toJSON(): object {
    return { token: this.token };
  }

  [inspect.custom](): string {
    return `JobClient { token: ${String(this.token)} }`;
  }
}
