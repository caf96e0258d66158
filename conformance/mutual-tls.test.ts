import { execFile } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import {
  aClient,
  addCertificate,
  aToken,
  type ClientIdentity,
  call,
  callPlayground,
  endCertificate,
  endClient,
  requestToken,
  startTestServer,
  type TestClient,
} from '@tollward/server/testing';
import { Client } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { exchange, getWith, openConnection, type Place, portOf, startConnection } from './support/connection.js';
import { makeCertificate } from './support/openssl.js';

const server = await startTestServer();
let client: TestClient;
let identity: ClientIdentity;
let token: string;
beforeAll(async () => {
  client = await aClient(server);
  identity = identityOf(client);
  token = await aToken(server, client);
});
afterAll(() => server.stop());

function identityOf(from: TestClient): ClientIdentity {
  if (from.identity === null) throw new Error('the client has no certificate');
  return from.identity;
}

describe('a token request over mutual TLS', () => {
  test('[FAPI-04] [BIND-01] [MTLS-11] [DEC-03] binds the token to the certificate of the connection by its SHA-256', async () => {
    const thumbprint = createHash('sha256').update(new X509Certificate(identity.cert).raw).digest('base64url');
    const { json } = await callPlayground(server, client, token);
    expect(json['certificateThumbprint']).toBe(thumbprint);
  });

  test('[MTLS-01] on the host without mutual TLS names the host to use', async () => {
    const answer = await requestToken(server, client, { listener: 'api' });
    expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
    expect(answer.json['error_description']).toContain(server.urlOf('sandbox', 'api-mtls'));
  });

  test('[MTLS-22] with a wrong secret says nothing of the certificate, whichever it is', async () => {
    const stranger = await aClient(server);
    const wrong = { headers: { authorization: `Basic ${Buffer.from(`${client.clientId}:wrong`).toString('base64')}` } };
    const expired = makeCertificate({ subject: `/CN=${client.clientId}` });
    const places: readonly Place[] = [
      { identity },
      { identity: null },
      { identity: stranger.identity },
      { identity: expired },
      { listener: 'api' },
    ];
    const texts = new Set<string>();
    for (const place of places) texts.add((await requestToken(server, client, { ...wrong, ...place })).text);
    expect([...texts]).toEqual(['{"error":"invalid_client","error_description":"Client authentication failed"}']);
  });

  test('[DEC-04] without a certificate gets an answer with a reason, not a broken handshake', async () => {
    const answer = await requestToken(server, client, { identity: null });
    expect([answer.status, answer.json['error']]).toEqual([401, 'invalid_client']);
    expect(answer.json['error_description']).toContain('No client certificate');
  });
});

describe('a certificate we issue', () => {
  test('[DEC-10] is for client authentication, has one common name and a chain of one intermediate', () => {
    const [leaf = '', issuer = '', ...more] = identity.cert.split(/(?<=-----END CERTIFICATE-----)\s*/);
    const certificate = new X509Certificate(leaf);
    expect(certificate.subject.split('\n').filter((line) => line.startsWith('CN='))).toEqual([`CN=${client.clientId}`]);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(new X509Certificate(issuer).publicKey)).toBe(true);
    expect(more.filter((text) => text !== '')).toEqual([]);
    const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000;
    expect(Math.floor(days)).toBe(365);
  });
});

describe('the listeners', () => {
  test('[MTLS-27] ask for a certificate without naming issuers on one, and not at all on the other', async () => {
    const handshakeWith = async (listener: 'api' | 'api-mtls'): Promise<string> => {
      const target = `127.0.0.1:${portOf(server, { listener })}`;
      const running = promisify(execFile)('openssl', ['s_client', '-connect', target, '-tls1_2']);
      running.child.stdin?.end();
      return (await running).stdout;
    };
    const asked = await handshakeWith('api-mtls');
    expect(asked).toContain('Client Certificate Types:');
    expect(asked).toContain('No client certificate CA names sent');
    expect(await handshakeWith('api')).not.toContain('Client Certificate Types:');
  });

  test.each([
    'x-client-cert',
    'x-forwarded-client-cert',
    'x-ssl-client-cert',
    'client-cert',
    'ssl-client-cert',
    'x-amzn-mtls-clientcert',
  ])('[FAPI-17] take no certificate from the header %s', async (name) => {
    const leaf = new X509Certificate(identity.cert);
    for (const value of [`:${leaf.raw.toString('base64')}:`, encodeURIComponent(leaf.toString())]) {
      const answer = await callPlayground(server, client, token, { identity: null, headers: { [name]: value } });
      expect(answer.headers['x-refusal-code']).toBe('certificate_missing');
    }
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('a resumed %s session', (version) => {
  /** A connection that is let go once the server gave it a session to resume. */
  async function sessionOf(place: Place): Promise<Buffer> {
    const socket = startConnection(server, place, { minVersion: version, maxVersion: version });
    const given = once(socket, 'session');
    await once(socket, 'secureConnect');
    // TLS 1.3 sends its tickets after the handshake, with the first bytes of an answer at the latest.
    const answered = exchange(socket, getWith('none'));
    const [session]: unknown[] = await given;
    await answered;
    socket.destroy();
    if (!(session instanceof Buffer)) throw new Error('no session was given');
    return session;
  }
  const resume = (session: Buffer, place: Place): Promise<TLSSocket> =>
    openConnection(server, place, { session, minVersion: version, maxVersion: version });
  async function codeOn(socket: TLSSocket, bearer: string): Promise<string | number> {
    const { status, headers } = await exchange(socket, getWith(bearer));
    return headers.get('x-refusal-code') ?? status;
  }

  test('[MTLS-28] carries the certificate of its first handshake, and each token is compared with that', async () => {
    const stranger = await aClient(server);
    const strangersToken = await aToken(server, stranger);
    const resumed = await resume(await sessionOf({ identity }), { identity });
    expect(resumed.isSessionReused()).toBe(true);
    expect(await codeOn(resumed, token)).toBe(200);
    expect(await codeOn(resumed, strangersToken)).toBe('token_bound_elsewhere');
    resumed.destroy();
  });

  test('[MTLS-28] does not change its certificate for another that the client shows now', async () => {
    const stranger = await aClient(server);
    const resumed = await resume(await sessionOf({ identity }), { identity: identityOf(stranger) });
    expect(resumed.isSessionReused()).toBe(true);
    expect(await codeOn(resumed, await aToken(server, stranger))).toBe('token_bound_elsewhere');
    expect(await codeOn(resumed, token)).toBe(200);
    resumed.destroy();
  });

  test('[MTLS-28] is refused once its certificate is revoked', async () => {
    const ended = await aClient(server);
    const endedToken = await aToken(server, ended);
    const session = await sessionOf({ identity: identityOf(ended) });
    await endCertificate(server, identityOf(ended));
    const resumed = await resume(session, { identity: identityOf(ended) });
    expect(resumed.isSessionReused()).toBe(true);
    expect(await codeOn(resumed, endedToken)).toBe('certificate_revoked');
    resumed.destroy();
  });

  test('[MTLS-29] that began without a certificate passes for none', async () => {
    const resumed = await resume(await sessionOf({ identity: null }), { identity });
    expect(resumed.isSessionReused()).toBe(true);
    expect(await codeOn(resumed, token)).toBe('certificate_missing');
    resumed.destroy();
  });

  test.each([
    ['the api listener', { listener: 'api' }],
    ['the other environment', { environment: 'production' }],
  ] as const)('[MTLS-30] is worth nothing at %s', async (_name, elsewhere) => {
    const session = await sessionOf({ identity });
    const foreign = await resume(session, { ...elsewhere, identity });
    expect(foreign.isSessionReused()).toBe(false);
    foreign.destroy();
  });

  test('[MTLS-30] of the api listener is worth nothing at the mutual TLS listener', async () => {
    const session = await sessionOf({ listener: 'api' });
    const foreign = await resume(session, { identity });
    expect(foreign.isSessionReused()).toBe(false);
    expect(await codeOn(foreign, token)).toBe(200);
    foreign.destroy();
  });
});

describe('a warm cache', () => {
  test('[MTLS-31] [FAPI-06] [FAPI-08] admits a token again only with its certificate', async () => {
    const stranger = await aClient(server);
    for (let turn = 0; turn < 3; turn += 1) {
      expect((await callPlayground(server, client, token)).status).toBe(200);
      for (const other of [null, stranger.identity]) {
        expect((await callPlayground(server, client, token, { identity: other })).status).toBe(401);
      }
    }
  });

  test('[MTLS-31] judges every token of one connection by itself', async () => {
    const off = await aClient(server, { mtlsRequired: false });
    const stranger = await aClient(server);
    const expectations = [
      [token, 200],
      [await aToken(server, stranger), 401],
      [await aToken(server, off, { identity: null }), 200],
      ['none', 401],
      [await aToken(server, client), 200],
    ] as const;
    const connection = new Client(server.urlOf('sandbox', 'api-mtls'), {
      connect: { ca: server.caOf('sandbox'), cert: identity.cert, key: identity.key },
    });
    let connections = 0;
    connection.on('connect', () => {
      connections += 1;
    });
    for (const [bearer, status] of [...expectations, ...expectations]) {
      const headers = { authorization: `Bearer ${bearer}` };
      const answer = await connection.request({ method: 'GET', path: '/v1/authenticated/playground', headers });
      await answer.body.dump();
      expect(answer.statusCode).toBe(status);
    }
    expect(connections).toBe(1);
    await connection.close();
  });
});

describe('revocation', () => {
  test('[MTLS-32] [DEC-05] of a certificate ends its tokens at once, on a connection that is open already', async () => {
    const ended = await aClient(server);
    const kept = await addCertificate(server, ended);
    const endedToken = await aToken(server, ended);
    const keptToken = await aToken(server, ended, { identity: kept });
    const socket = await openConnection(server, { identity: identityOf(ended) });
    expect((await exchange(socket, getWith(endedToken))).status).toBe(200);
    await endCertificate(server, identityOf(ended));
    const answer = await exchange(socket, getWith(endedToken));
    expect([answer.status, answer.headers.get('x-refusal-code')]).toEqual([401, 'certificate_revoked']);
    socket.destroy();
    expect((await callPlayground(server, ended, keptToken, { identity: kept })).status).toBe(200);
    expect((await requestToken(server, ended)).headers['x-refusal-code']).toBe('certificate_revoked');
  });

  test('[MTLS-33] of the old certificate after a second one was added keeps the client served without a gap', async () => {
    const rotating = await aClient(server);
    const old = identityOf(rotating);
    const next = await addCertificate(server, rotating);
    expect((await requestToken(server, rotating, { identity: old })).status).toBe(200);
    const nextToken = await aToken(server, rotating, { identity: next });
    await endCertificate(server, old);
    expect((await callPlayground(server, rotating, nextToken, { identity: next })).status).toBe(200);
    expect((await requestToken(server, rotating, { identity: next })).status).toBe(200);
  });

  test('[BEAR-05] of a client ends every token it has, and only its', async () => {
    const ended = await aClient(server);
    const tokens = await Promise.all([aToken(server, ended), aToken(server, ended), aToken(server, ended)]);
    await Promise.all(tokens.map((each) => callPlayground(server, ended, each)));
    await endClient(server, ended);
    for (const each of tokens) {
      expect((await callPlayground(server, ended, each)).headers['x-refusal-code']).toBe('token_revoked');
    }
    expect((await callPlayground(server, client, token)).status).toBe(200);
  });

  test('[MTLS-34] [FAPI-10] lets no request that begins after it through, however many run meanwhile', async () => {
    const ended = await aClient(server);
    const before = Array.from({ length: 25 }, () => requestToken(server, ended));
    const revocation = endCertificate(server, identityOf(ended));
    const during = Array.from({ length: 25 }, () => requestToken(server, ended));
    await revocation;
    const after = await Promise.all(Array.from({ length: 25 }, () => requestToken(server, ended)));
    expect(after.map(({ headers }) => headers['x-refusal-code'])).toEqual(Array(25).fill('certificate_revoked'));
    // What was issued meanwhile is worth nothing either.
    for (const { status, json } of await Promise.all([...before, ...during])) {
      if (status !== 200) continue;
      const used = await callPlayground(server, ended, String(json['access_token']));
      expect(used.headers['x-refusal-code']).toBe('certificate_revoked');
    }
  });
});

test('[MTLS-23] a certificate alone names nobody', async () => {
  const answer = await call(server, { path: '/v1/authenticated/playground', identity });
  expect(answer.json['error']).toBe('missing_token');
});
