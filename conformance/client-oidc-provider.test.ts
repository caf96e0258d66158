// The partner's client with a token endpoint that others wrote: oidc-provider, with tokens bound to the client certificate.

import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { PartnerClient, type PartnerClientOptions } from '@tollward/client';
import { exportJWK, generateKeyPair } from 'jose';
import { type Context, Provider } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { type MadeCertificate, makeCertificate } from './support/openssl.js';

// Characters that form encoding changes, so that both ends have to agree on RFC 6749 section 2.3.1.
const clientId = 'worker one';
const clientSecret = 'p+q/r%s:t=u & v';
const serverExtensions = ['subjectAltName = DNS:localhost', 'basicConstraints = CA:TRUE'];

let authority: MadeCertificate;
let identity: MadeCertificate;
let stranger: MadeCertificate;
let provider: Provider;
let url: string;
let stop: () => Promise<void>;

beforeAll(async () => {
  authority = makeCertificate({ subject: '/CN=localhost', extensions: serverExtensions });
  identity = makeCertificate({ subject: '/CN=worker', issuer: authority });
  stranger = makeCertificate({ subject: '/CN=stranger', issuer: authority });
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  const { cert, key } = authority;
  const server = createServer({ cert, key, ca: cert, requestCert: true, rejectUnauthorized: false });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  url = `https://localhost:${(server.address() as AddressInfo).port}`;
  provider = new Provider(url, {
    clients: [
      {
        client_id: clientId,
        client_secret: clientSecret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        token_endpoint_auth_method: 'client_secret_basic',
        tls_client_certificate_bound_access_tokens: true,
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        getCertificate: ({ req }: Context) => pemOfPeer(req.socket),
      },
    },
    routes: { token: '/oauth/token' },
    ttl: { ClientCredentials: 600 },
    jwks: { keys: [{ ...jwk, alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['not used by this grant'] },
  });
  const askProvider = provider.callback();
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/v1/')) return askProvider(request, response);
    const value = request.headers.authorization?.replace(/^Bearer /, '') ?? '';
    const socket = request.socket as TLSSocket;
    void provider.ClientCredentials.find(value).then((token) => {
      const isGood = token !== undefined && !token.isExpired && token['x5t#S256'] === thumbprintOf(pemOfPeer(socket));
      response.writeHead(isGood ? 200 : 401, { 'content-type': 'application/json' });
      response.end(JSON.stringify(isGood ? { clientId: token.clientId } : { error: 'invalid_token' }));
    });
  });
  stop = () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
});
afterAll(() => stop());

function pemOfPeer(socket: TLSSocket): string | undefined {
  return socket.getPeerX509Certificate()?.toString();
}

function thumbprintOf(pem: string | undefined): string | undefined {
  if (pem === undefined) return undefined;
  return Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
}

function partner(changes: Partial<PartnerClientOptions> = {}): PartnerClient {
  const client = new PartnerClient({
    environment: url,
    clientId,
    clientSecret,
    mtls: identity,
    ca: authority.cert,
    systemAuthorities: false,
    ...changes,
  });
  onTestFinished(() => client.close());
  return client;
}

describe('the client of a partner with oidc-provider', () => {
  test('[SDK-65] gets a token that is bound to its certificate, and calls with it', async () => {
    const client = partner();
    const before = Date.now();
    const token = await client.token();
    const issued = await provider.ClientCredentials.find(token.value);
    expect(issued?.['x5t#S256']).toBe(token.certificateThumbprint);
    expect(token.certificateThumbprint).toBe(thumbprintOf(identity.cert));
    expect(token.expiresAt.getTime() - before).toBeLessThanOrEqual(610_000);
    expect((await client.get('/v1/x')).body).toEqual({ clientId });
  });

  test('[SDK-65] has another token when it has another certificate', async () => {
    let current = identity;
    const client = partner({ mtls: { cert: () => current.cert, key: () => current.key } });
    const first = await client.token();
    current = stranger;
    await client.reload();
    expect((await client.get('/v1/x')).status).toBe(200);
    expect((await client.token()).value).not.toBe(first.value);
  });

  test('[SDK-65] gets a new one when its token was destroyed', async () => {
    const client = partner();
    const first = await client.token();
    await (await provider.ClientCredentials.find(first.value))?.destroy();
    expect((await client.get('/v1/x')).status).toBe(200);
    expect((await client.token()).value).not.toBe(first.value);
  });

  test('[SDK-65] is told why it gets none', async () => {
    const wrong = partner({ clientSecret: 'wrong' });
    await expect(wrong.get('/v1/x')).rejects.toMatchObject({ kind: 'token', code: 'invalid_client', status: 401 });
    const bare = new PartnerClient({ environment: url, clientId, clientSecret, ca: authority.cert });
    onTestFinished(() => bare.close());
    await expect(bare.get('/v1/x')).rejects.toMatchObject({ kind: 'token', code: 'invalid_grant' });
  });
});
