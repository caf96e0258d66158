import type { ApiResponse, BodyOf, RequestOptions, ResponseType } from './request-options.js';

/** `request` with a method each. */
export abstract class ApiCaller {
  /**
   * Calls the API with a token over the client's connections.
   *
   * @param path as in `/v1/profiles`, or a whole URL of the same host. Put `encodeURIComponent()` around values in it
   * @returns the answer of a 2xx or 304. `body` is parsed JSON, not checked against `T`; with `responseType` what that says
   * @throws ApiError (RateLimitedError, ScaRequiredError), TokenError, ConnectionError, TlsError, CertificateError, TimeoutError,
   *   ConfigurationError or ClientClosedError, each a PartnerClientError with `kind`; or the reason of `signal`
   */
  abstract request<T = unknown, R extends ResponseType = ResponseType>(
    method: string,
    path: string,
    options?: RequestOptions<R>,
  ): Promise<ApiResponse<BodyOf<T, R>>>;

  /** `GET`. See `request`. */
  get<T = unknown, R extends ResponseType = ResponseType>(
    path: string,
    options?: RequestOptions<R>,
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    return this.request<T, R>('GET', path, options);
  }

  /** `POST`, the body as JSON. Without an idempotency key it is repeated only when it certainly did not arrive. See `request`. */
  post<T = unknown, R extends ResponseType = ResponseType>(
    path: string,
    body?: unknown,
    options?: RequestOptions<R>,
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    return this.request<T, R>('POST', path, withBody(body, options));
  }

  /** `PUT`, the body as JSON. See `post`. */
  put<T = unknown, R extends ResponseType = ResponseType>(
    path: string,
    body?: unknown,
    options?: RequestOptions<R>,
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    return this.request<T, R>('PUT', path, withBody(body, options));
  }

  /** `PATCH`, the body as JSON; `contentType` may say which kind of patch it is. See `post`. */
  patch<T = unknown, R extends ResponseType = ResponseType>(
    path: string,
    body?: unknown,
    options?: RequestOptions<R>,
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    return this.request<T, R>('PATCH', path, withBody(body, options));
  }

  /** `DELETE`. See `post`. */
  delete<T = unknown, R extends ResponseType = ResponseType>(
    path: string,
    options?: RequestOptions<R>,
  ): Promise<ApiResponse<BodyOf<T, R>>> {
    return this.request<T, R>('DELETE', path, options);
  }
}

function withBody<R extends ResponseType>(body: unknown, options: RequestOptions<R> = {}): RequestOptions<R> {
  return body === undefined ? options : { ...options, body };
}
