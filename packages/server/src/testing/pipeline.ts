import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { ClientFacts, ClientFactsSource } from '../clients/index.js';
import {
  type confirmAdmission,
  type PipelineDependencies,
  type ProfileDirectory,
  type ProtectedCall,
  type RouteRules,
  runPipeline,
} from '../gateway/index.js';
import { createRateLimiter, type RateLimiter } from '../platform/rate-limiter.js';
import { catalogue, isRefusal, protectedCallSteps, publicText } from '../refusals/index.js';
import type { TokenClaims, TokenOpener } from '../tokens/index.js';
import { sealToken, unsealToken } from '../tokens/sealed-token.js';
import type { UsageRecorder } from '../usage/index.js';
import {
  someClaims,
  someClient,
  someClients,
  somePeer,
  someRules,
  someTime,
  someTokenKey,
  someUsage,
  thumbprintOf,
} from './facts.js';

export const tokenKey = someTokenKey(1);
const tokens: TokenOpener = {
  open: (environment, token) => unsealToken(environment, token, (id) => (id === tokenKey.id ? tokenKey : undefined)),
};

/** The Authorization header of `someClient()` in sandbox. */
export function bearer(changes: Partial<TokenClaims> = {}): string {
  return `Bearer ${sealToken('sandbox', someClaims(changes), tokenKey, randomBytes)}`;
}

interface SetUp {
  readonly client?: ClientFacts | undefined;
  readonly clients?: ClientFactsSource;
  readonly perSecond?: number;
  readonly usage?: UsageRecorder;
  readonly routeRates?: RateLimiter;
  readonly rules?: Partial<RouteRules>;
  readonly profiles?: ProfileDirectory;
  readonly unsafeNoSca?: boolean;
}

/** The pipeline, and a call that it admits; a test changes what it is about. */
export function setUpPipeline({
  client = someClient(),
  clients = someClients(client),
  perSecond = 100,
  usage = someUsage(),
  routeRates = createRateLimiter(),
  rules = {},
  profiles = { find: () => 'unknown' },
  unsafeNoSca = false,
}: SetUp = {}) {
  const dependencies: PipelineDependencies = {
    tokens,
    clients,
    usage,
    clientRates: createRateLimiter(),
    defaultClientLimits: { perSecond, perMinute: 1_000 },
    routeRates,
    profiles,
    unsafeNoSca,
  };
  return async (changes: Partial<ProtectedCall> = {}, run: typeof confirmAdmission = runPipeline) => {
    const result = await run(
      {
        environment: 'sandbox',
        peer: somePeer(thumbprintOf('a')),
        address: '127.0.0.1',
        mtlsUrl: 'https://mtls.example',
        authorization: bearer(),
        parameters: {},
        query: undefined,
        now: someTime,
        ...changes,
      },
      someRules(rules),
      dependencies,
    );
    if (isRefusal(result)) {
      expect(protectedCallSteps).toContain(result.step);
      expect(publicText(catalogue[result.refusal].text, result.parameters)).not.toMatch(/\{\w+\}/);
    }
    return result;
  };
}
