import { environments } from '@tollward/protocol';
import { call, startTestServer } from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { accessMatrix, type BearerCaller, bearerCallers, type TokenCaller, tokenCallers } from './access-matrix.js';
import { forwardedAccess } from './forwarded-access.js';
import { type Knocks, prepareKnocks } from './support/knocks.js';

/** The requirements that a caller proves, beside that of the matrix itself. */
const proves: Partial<Record<BearerCaller | TokenCaller, string>> = {
  'a client on the api listener': '[MTLS-01]',
  'a bound token on the api listener': '[MTLS-02]',
  'a client without a certificate': '[MTLS-03]',
  'a client with the certificate of another client': '[MTLS-04]',
  'a client with an expired certificate': '[MTLS-05] [BIND-02]',
  'a client with a revoked certificate': '[MTLS-06] [BIND-02]',
  'a bound token without a certificate': '[MTLS-07] [FAPI-07]',
  'a bound token with the certificate of another client': '[MTLS-08] [FAPI-07]',
  'a bound token of an expired certificate': '[MTLS-09] [FAPI-13]',
  'a bound token of a revoked certificate': '[MTLS-10]',
  'a client with its certificate': '[MTLS-11]',
  'a bound token with its certificate': '[MTLS-12]',
  'a bound token with another certificate of its client': '[MTLS-12]',
  'mutual TLS off: a client on the api listener': '[MTLS-13]',
  'mutual TLS off: an unbound token on the api listener': '[MTLS-14]',
  'mutual TLS off: a bound token on the api listener': '[MTLS-15]',
  'mutual TLS off: a client without a certificate': '[MTLS-16]',
  'mutual TLS off: a client with its certificate': '[MTLS-17]',
  'mutual TLS off: an unbound token on the mutual TLS listener': '[MTLS-18]',
  'mutual TLS off: a bound token without a certificate': '[MTLS-19]',
  'mutual TLS off: a bound token with its certificate': '[MTLS-19]',
  'mutual TLS switched on: an unbound token on the api listener': '[MTLS-21]',
  'mutual TLS switched on: an unbound token with a registered certificate': '[MTLS-21]',
  'a certificate with a wrong secret': '[MTLS-22]',
  'a certificate without a secret': '[MTLS-23] [FAPI-03]',
  'a client with a self-signed certificate of its name': '[MTLS-24] [RUN-11]',
  'a client with an unregistered certificate of its name and key': '[MTLS-24] [RUN-11]',
  'a bound token with a self-signed certificate of the same name': '[MTLS-25] [RUN-11]',
  'a bound token with an unregistered certificate of the same name and key': '[MTLS-25] [RUN-11]',
  'a client with a certificate that is not yet valid': '[MTLS-26] [BIND-02]',
  'a bound token of a certificate that is not yet valid': '[MTLS-26]',
  'a client of the other environment': '[SEC-05]',
  'a client with a secret in its overlap': '[SEC-06]',
  'a client with a replaced secret': '[SEC-06]',
  'a bound token of a replaced secret': '[SEC-07]',
  'a client with a revoked secret': '[SEC-10]',
  'a bound token of a revoked secret': '[SEC-10]',
  'a client with a paused secret': '[SEC-14]',
  'a bound token of a paused secret': '[SEC-14]',
  'a client with a paused certificate': '[CERT-33]',
  'a bound token of a paused certificate': '[CERT-33]',
  'a client from an address that is not on the list': '[ALLOW-02]',
  'a bound token from an address that is not on the list': '[ALLOW-02] [BEAR-09]',
  'mutual TLS off: a client from an address that is not on the list': '[ALLOW-02]',
  'mutual TLS off: an unbound token from an address that is not on the list': '[ALLOW-02]',
  nobody: '[FAPI-03]',
  'an expired token': '[BEAR-04] [FAPI-10] [RUN-05]',
  'a token of a revoked client': '[BEAR-05] [FAPI-10]',
  'a token of the other environment': '[BEAR-06]',
  'a text that is no token': '[BEAR-03]',
  'a token of which one character was changed': '[FAPI-10]',
  'a token in the query only': '[FAPI-09]',
  'a token in the query beside one in the header': '[FAPI-09]',
};

const server = await startTestServer();
const start = server.time.now;
afterAll(() => server.stop());

describe.each(environments)('in %s', (environment) => {
  test('every route has a row in the access matrix, and every row a route', () => {
    const forwarded = Object.entries(forwardedAccess).filter(
      ([, { only }]) => only === undefined || only === environment,
    );
    const rows = [...Object.keys(accessMatrix), ...forwarded.map(([route]) => route)];
    expect([...server.routesOf(environment)].sort()).toEqual(rows.sort());
  });
});

describe.each(environments)('access in %s', (environment) => {
  let knocks: Knocks;
  beforeAll(async () => {
    server.time.now = start;
    ({ knocks } = await prepareKnocks(server, environment));
  });

  const cases = Object.entries(accessMatrix).flatMap(([route, entry]) => {
    const callers = entry.kind === 'token' ? tokenCallers : bearerCallers;
    return callers.flatMap((caller) => {
      const outcome = entry.kind === 'token' ? entry.row[caller as TokenCaller] : entry.row[caller as BearerCaller];
      if (outcome === undefined) return [];
      const name = `${route}: ${caller} gets ${outcome === 200 ? '200' : outcome.join(' ')} ${proves[caller] ?? ''}`;
      return [{ name, route, caller, outcome }];
    });
  });

  // Not test.each: it would cut the names, and with them the ids of the requirements.
  for (const { name, route, caller, outcome } of cases) {
    test(name, async () => {
      const [method = '', path = ''] = route.split(' ');
      const { query = '', afterMs = 0, ...knock } = knocks[caller];
      server.time.now = start + afterMs;
      const answer = await call(server, { environment, method, path: path + query, ...knock });
      const code = answer.headers['x-refusal-code'];
      expect(code === undefined ? answer.status : [answer.status, code]).toEqual(outcome);
    });
  }
});
