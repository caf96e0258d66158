// What every kind of caller of the access matrix sends: clients, tokens and certificates in every state, made anew.

import type { Environment } from '@tollward/protocol';
import {
  aClient,
  addCertificate,
  aToken,
  basic,
  type Call,
  changePolicy,
  endCertificate,
  endClient,
  identityOf,
  pauseCertificateOf,
  pauseSecretOf,
  requireMtls,
  revokeSecretOf,
  rotate,
  type TestClient,
  type TestServer,
} from '@tollward/server/testing';
import type { BearerCaller, TokenCaller } from '../access-matrix.js';
import { selfSignedLookAlike, unregisteredTwin } from './look-alike.js';

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

/** One knock at a route: what is sent, and how far the server's clock has moved by then. */
export interface Knock extends Omit<Call, 'path' | 'environment'> {
  readonly query?: string;
  readonly afterMs?: number;
}
export type Knocks = Readonly<Record<BearerCaller, Knock> & Record<TokenCaller, Knock>>;

export interface Prepared {
  readonly knocks: Knocks;
  /** In force, with its certificate. */
  readonly client: TestClient;
  /** Another one of the same environment. */
  readonly stranger: TestClient;
}

/** What each kind of caller sends. The server's clock is where it was, and has to stay near that while they knock. */
export async function prepareKnocks(server: TestServer, environment: Environment): Promise<Prepared> {
  const start = server.time.now;
  const other: Environment = environment === 'sandbox' ? 'production' : 'sandbox';
  const at = (now: number): void => {
    server.time.now = now;
  };
  const client = await aClient(server, { environment });
  const second = await addCertificate(server, client);
  const stranger = await aClient(server, { environment });
  const foreign = await aClient(server, { environment: other });
  const off = await aClient(server, { environment, mtlsRequired: false });
  const switched = await aClient(server, { environment, mtlsRequired: false });
  const revoked = await aClient(server, { environment });
  const ended = await aClient(server, { environment });
  // Certificates last a year: this one is in its last hour.
  at(start + hourMs - yearMs);
  const expiring = await aClient(server, { environment });
  at(start + hourMs);
  const early = await aClient(server, { environment });
  const earlyToken = await aToken(server, early);
  at(start);

  const token = await aToken(server, client);
  const offUnbound = await aToken(server, off, { identity: null });
  const offBound = await aToken(server, off);
  const switchedToken = await aToken(server, switched, { identity: null });
  await requireMtls(server, switched);
  const revokedToken = await aToken(server, revoked);
  await endClient(server, revoked);
  const endedToken = await aToken(server, ended);
  await endCertificate(server, identityOf(ended));
  const expiringToken = await aToken(server, expiring);

  /** A client with a token from before the change. */
  const after = async (change: (of: TestClient) => Promise<unknown>, mtlsRequired = true) => {
    const of = await aClient(server, { environment, mtlsRequired });
    const before = await aToken(server, of, mtlsRequired ? {} : { identity: null });
    await change(of);
    return { of, before };
  };
  const pausedCertificate = await after((of) => pauseCertificateOf(server, identityOf(of), 3_600));
  const overlapping = await after((of) => rotate(server, of));
  const replaced = await after((of) => rotate(server, of, { overlapSeconds: 0 }));
  const revokedSecret = await after((of) => revokeSecretOf(server, of));
  const pausedSecret = await after((of) => pauseSecretOf(server, of, 3_600));
  const restrict = (of: TestClient) => changePolicy(server, of, { allowedAddresses: ['192.0.2.0/24', '::1'] });
  const elsewhere = await after(restrict);
  const offElsewhere = await after(restrict, false);

  const { identity } = client;
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  // One form for every endpoint: what an endpoint does not know it ignores (RFC 6749 section 3.2).
  const body = 'grant_type=client_credentials&token=unknown';
  const secretOf = (id: string, secret: string) => ({ body, headers: { ...form, authorization: basic(id, secret) } });
  const credentialsOf = (of: TestClient) => ({ identity: of.identity, ...secretOf(of.clientId, of.secret) });
  const tokenOf = ({ of, before }: Awaited<ReturnType<typeof after>>) => ({
    identity: of.identity,
    headers: bearer(before),
  });
  const own = secretOf(client.clientId, client.secret);
  const offOwn = secretOf(off.clientId, off.secret);
  const wrongSecret = `${client.secret.slice(0, -1)}!`;
  const middle = Math.floor(token.length / 2);
  const changed = `${token.slice(0, middle)}${token[middle] === 'A' ? 'B' : 'A'}${token.slice(middle + 1)}`;

  const knocks: Knocks = {
    nobody: { identity },
    'a client with its secret instead of a token': {
      identity,
      headers: { authorization: basic(client.clientId, client.secret) },
    },
    'a Bearer header without a token': { identity, headers: { authorization: 'Bearer' } },
    'a token in the query only': { identity, query: `?access_token=${token}` },
    'a token in the query beside one in the header': {
      identity,
      query: `?access_token=${token}`,
      headers: bearer(token),
    },
    'a text that is no token': { identity, headers: bearer('0f8fad5b-d9cb-469f-a165-70867728950e') },
    'a client secret in the place of the token': { identity, headers: bearer(client.secret) },
    'a token of which one character was changed': { identity, headers: bearer(changed) },
    'a token that was cut': { identity, headers: bearer(token.slice(0, -1)) },
    'an expired token': { identity, headers: bearer(token), afterMs: 12 * hourMs },
    'a token of the other environment': { identity: foreign.identity, headers: bearer(await aToken(server, foreign)) },
    'a token of a revoked client': { identity: revoked.identity, headers: bearer(revokedToken) },
    'a bound token with its certificate': { identity, headers: bearer(token) },
    'a bound token without a certificate': { headers: bearer(token) },
    'a bound token with the certificate of another client': { identity: stranger.identity, headers: bearer(token) },
    'a bound token with another certificate of its client': { identity: second, headers: bearer(token) },
    'a bound token with a self-signed certificate of the same name': {
      identity: selfSignedLookAlike(client),
      headers: bearer(token),
    },
    'a bound token with an unregistered certificate of the same name and key': {
      identity: unregisteredTwin(server, client),
      headers: bearer(token),
    },
    'a bound token on the api listener': { listener: 'api', identity, headers: bearer(token) },
    'a bound token of an expired certificate': {
      identity: expiring.identity,
      headers: bearer(expiringToken),
      afterMs: 2 * hourMs,
    },
    'a bound token of a certificate that is not yet valid': { identity: early.identity, headers: bearer(earlyToken) },
    'a bound token of a revoked certificate': { identity: ended.identity, headers: bearer(endedToken) },
    'a bound token of a paused certificate': tokenOf(pausedCertificate),
    'a bound token of a replaced secret': tokenOf(replaced),
    'a bound token of a revoked secret': tokenOf(revokedSecret),
    'a bound token of a paused secret': tokenOf(pausedSecret),
    'a bound token from an address that is not on the list': tokenOf(elsewhere),
    'mutual TLS off: an unbound token on the api listener': { listener: 'api', headers: bearer(offUnbound) },
    'mutual TLS off: an unbound token on the mutual TLS listener': { headers: bearer(offUnbound) },
    'mutual TLS off: an unbound token with a registered certificate': {
      identity: off.identity,
      headers: bearer(offUnbound),
    },
    'mutual TLS off: a bound token with its certificate': { identity: off.identity, headers: bearer(offBound) },
    'mutual TLS off: a bound token without a certificate': { headers: bearer(offBound) },
    'mutual TLS off: a bound token on the api listener': { listener: 'api', headers: bearer(offBound) },
    'mutual TLS off: an unbound token from an address that is not on the list': {
      listener: 'api',
      headers: bearer(offElsewhere.before),
    },
    'mutual TLS switched on: an unbound token on the api listener': {
      listener: 'api',
      headers: bearer(switchedToken),
    },
    'mutual TLS switched on: an unbound token with a registered certificate': {
      identity: switched.identity,
      headers: bearer(switchedToken),
    },

    'a bearer of an access token': { body, identity, headers: { ...form, ...bearer(token) } },
    'an unknown client': { identity, ...secretOf(`cli_${'0'.repeat(32)}`, client.secret) },
    'a client with a wrong secret': secretOf(client.clientId, wrongSecret),
    'a client with the secret of another client': { identity, ...secretOf(client.clientId, stranger.secret) },
    'a client of the other environment': {
      identity: foreign.identity,
      ...secretOf(foreign.clientId, foreign.secret),
    },
    'a client of the other environment with a secret of this one': {
      identity: foreign.identity,
      ...secretOf(foreign.clientId, client.secret),
    },
    'a certificate without a secret': { body: `${body}&client_id=${client.clientId}`, headers: form, identity },
    'a certificate with a wrong secret': { identity, ...secretOf(client.clientId, wrongSecret) },
    'a revoked client': { identity: revoked.identity, ...secretOf(revoked.clientId, revoked.secret) },
    'a client with its certificate': { identity, ...own },
    'a client with its second certificate': { identity: second, ...own },
    'a client without a certificate': own,
    'a client with the certificate of another client': { identity: stranger.identity, ...own },
    'a client with a self-signed certificate of its name': { identity: selfSignedLookAlike(client), ...own },
    'a client with an unregistered certificate of its name and key': {
      identity: unregisteredTwin(server, client),
      ...own,
    },
    'a client with an expired certificate': { identity, ...own, afterMs: yearMs },
    'a client with a certificate that is not yet valid': {
      identity: early.identity,
      ...secretOf(early.clientId, early.secret),
    },
    'a client with a revoked certificate': { identity: ended.identity, ...secretOf(ended.clientId, ended.secret) },
    'a client with a paused certificate': credentialsOf(pausedCertificate.of),
    'a client with a secret in its overlap': credentialsOf(overlapping.of),
    'a client with a replaced secret': credentialsOf(replaced.of),
    'a client with a revoked secret': credentialsOf(revokedSecret.of),
    'a client with a paused secret': credentialsOf(pausedSecret.of),
    'a client from an address that is not on the list': credentialsOf(elsewhere.of),
    'a client on the api listener': { listener: 'api', identity, ...own },
    'mutual TLS off: a client on the api listener': { listener: 'api', ...offOwn },
    'mutual TLS off: a client without a certificate': offOwn,
    'mutual TLS off: a client with its certificate': { identity: off.identity, ...offOwn },
    'mutual TLS off: a client with the certificate of another client': { identity: stranger.identity, ...offOwn },
    'mutual TLS off: a client from an address that is not on the list': {
      listener: 'api',
      ...secretOf(offElsewhere.of.clientId, offElsewhere.of.secret),
    },
  };
  return { knocks, client, stranger };
}
