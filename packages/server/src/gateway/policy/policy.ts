// What a policy file says, once it was read: plain data. Only this differs from route to route; the steps that judge by it
// are the same for all (gateway/pipeline.ts).

import type { RateLimits } from '../../platform/rate-limiter.js';

/**
 * Who may call a route. `embedded` is a client-credentials token of a client that has the embedded model switched on, for a
 * profile that this client made.
 */
export type TokenRule = 'client_credentials' | 'embedded' | 'user' | 'personal';

/** Where a request names the profile that it is about. */
export type ProfileParameter =
  | { readonly in: 'path'; readonly name: string }
  | {
      readonly in: 'query';
      readonly name: string;
      /** Other names of the same parameter. A request has one of them, once. */
      readonly aliases: readonly string[];
      /** Without it a call has no profile, and the upstream judges by the assertion what the caller may see. */
      readonly optional: boolean;
    };

export interface ScaRule {
  /** `high`: two factors each time. `low`: a session of five minutes is enough. */
  readonly level: 'low' | 'high';
  /** Countries (ISO 3166-1 alpha-2) whose profiles it holds for. */
  readonly countries: ReadonlySet<string>;
}

/** A limit of its own for some routes, counted for each client, beside that of the client. */
export interface RateClass {
  readonly name: string;
  readonly limits: RateLimits;
}

/** What the pipeline has to know of a route, whether it is forwarded or answered here. */
export interface RouteRules {
  readonly tokens: ReadonlySet<TokenRule>;
  /** Whether it may be called without a token too. One that is sent is judged all the same. */
  readonly anonymous: boolean;
  readonly profile: ProfileParameter | null;
  /** Countries whose profiles a personal token may act for; null: all. */
  readonly personalCountries: ReadonlySet<string> | null;
  readonly sca: ScaRule | null;
  readonly rateClass: RateClass | null;
}

export const routeMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
export type RouteMethod = (typeof routeMethods)[number];

/** A route that is forwarded. */
export interface RoutePolicy extends RouteRules {
  /** The legacy path, as `/v3/profiles/{profileId}/quotes`. A `{name}` stands for one segment. The upstream gets this one. */
  readonly path: string;
  /** The same path under the calendar version, as `/2026Q3/profiles/{profileId}/quotes`; null: it has none. */
  readonly calendarPath: string | null;
  readonly method: RouteMethod;
  readonly summary: string;
  /** The one scope of the contract. It does not limit what a token can do. */
  readonly scope: 'transfers';
  /** Message signing and encryption are not there yet. */
  readonly jose: 'none';
  readonly upstream: string;
  readonly maximumBodyBytes: number;
  /** Names of schemas in the OpenAPI description; null: no JSON body. */
  readonly requestSchema: string | null;
  readonly answerSchema: string | null;
  /** Status of the answer when all went well. */
  readonly answerStatus: number;
}

export interface UpstreamPolicy {
  readonly name: string;
  /** Origin, with a base path at most; undefined: the setting of the environment names it. */
  readonly url: string | undefined;
  /** PEM of the authorities its certificate may come from; undefined: those of the machine. */
  readonly ca: string | undefined;
  /** Request headers it gets besides those every upstream gets. */
  readonly requestHeaders: readonly string[];
  readonly connectSeconds: number;
  /** From the end of the request to the head of the answer. */
  readonly answerSeconds: number;
  /** Without a byte of a body, either way. */
  readonly idleSeconds: number;
  readonly maximumConnections: number;
}

export interface Policy {
  readonly upstreams: ReadonlyMap<string, UpstreamPolicy>;
  /** Where profiles are asked for; null when no route needs to know them. */
  readonly profiles: { readonly upstream: string; readonly path: string } | null;
  readonly routes: readonly RoutePolicy[];
}
