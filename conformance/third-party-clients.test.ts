// Clients that other people wrote, unchanged: what they do on the wire is what real partners do.

import { aClient, aToken, startTestServer, type TestClient } from '@tollward/server/testing';
import * as openid from 'openid-client';
import { Agent, FormData, type RequestInfo, type RequestInit, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const server = await startTestServer();
let client: TestClient;
let agent: Agent;
beforeAll(async () => {
  client = await aClient(server);
  agent = agentOf(client);
});
afterAll(async () => {
  await agent.close();
  await server.stop();
});

function agentOf({ identity }: TestClient): Agent {
  return new Agent({ connect: { ca: server.caOf('sandbox'), cert: identity?.cert, key: identity?.key } });
}

const overMutualTls: openid.CustomFetch = async (url, options) => {
  const { status, headers, body } = await undiciFetch(url, { ...(options as RequestInit), dispatcher: agent });
  return new Response(body as ReadableStream | null, { status, headers: Object.fromEntries(headers) });
};

describe('openid-client', () => {
  function configurationOf(path: string, authentication: openid.ClientAuth): openid.Configuration {
    const base = server.urlOf('sandbox', 'api-mtls');
    const metadata = { issuer: base, token_endpoint: `${base}${path}` };
    const configuration = new openid.Configuration(metadata, client.clientId, undefined, authentication);
    configuration[openid.customFetch] = overMutualTls;
    return configuration;
  }

  test.each(['/oauth/token', '/2026Q3/oauth/token'])(
    '[CLI-01] gets a token at %s with client_secret_basic',
    async (path) => {
      const configuration = configurationOf(path, openid.ClientSecretBasic(client.secret));
      const tokens = await openid.clientCredentialsGrant(configuration);
      expect(tokens.token_type).toBe('bearer');
      expect(tokens.expiresIn()).toBeGreaterThan(43_000);
      const url = new URL('/v1/authenticated/playground', server.urlOf('sandbox', 'api-mtls'));
      const answer = await openid.fetchProtectedResource(configuration, tokens.access_token, url, 'GET');
      expect(await answer.json()).toMatchObject({ authenticated: true, clientId: client.clientId });
    },
  );

  test('[CLI-01] gets a token with a scope of its own choice', async () => {
    const configuration = configurationOf('/oauth/token', openid.ClientSecretBasic(client.secret));
    const tokens = await openid.clientCredentialsGrant(configuration, { scope: 'payments', resource: 'urn:example' });
    expect(tokens.scope).toBe('transfers');
  });

  test('[CLI-01] understands why it gets none', async () => {
    const wrong = configurationOf('/oauth/token', openid.ClientSecretBasic('wrong'));
    // Where an answer has a challenge, this library shows that and leaves the body to its caller.
    const challenged = { status: 401, cause: [{ scheme: 'basic', parameters: { realm: 'tollward' } }] };
    await expect(openid.clientCredentialsGrant(wrong)).rejects.toMatchObject(challenged);
    const posting = configurationOf('/oauth/token', openid.ClientSecretPost(client.secret));
    await expect(openid.clientCredentialsGrant(posting)).rejects.toMatchObject(challenged);
    const right = configurationOf('/oauth/token', openid.ClientSecretBasic(client.secret));
    await expect(openid.genericGrantRequest(right, 'password', { username: 'a', password: 'b' })).rejects.toMatchObject(
      {
        status: 400,
        error: 'unsupported_grant_type',
      },
    );
  });

  test('[CLI-01] reads the challenge of a refused call', async () => {
    const configuration = configurationOf('/oauth/token', openid.ClientSecretBasic(client.secret));
    const url = new URL('/v1/authenticated/playground', server.urlOf('sandbox', 'api-mtls'));
    await expect(openid.fetchProtectedResource(configuration, 'nonsense', url, 'GET')).rejects.toMatchObject({
      status: 401,
      cause: [{ scheme: 'bearer', parameters: { realm: 'tollward', error: 'invalid_token' } }],
    });
  });
});

describe('openid-client that discovers the server', () => {
  async function discovered(more: Partial<openid.ClientMetadata> = {}): Promise<openid.Configuration> {
    const metadata = { use_mtls_endpoint_aliases: true, ...more };
    return openid.discovery(
      new URL(server.urlOf('sandbox', 'api')),
      client.clientId,
      metadata,
      openid.ClientSecretBasic(client.secret),
      { algorithm: 'oauth2', [openid.customFetch]: overMutualTls },
    );
  }

  test('[CLI-01] [META-04] finds the endpoints, those for mutual TLS included, and gets a token', async () => {
    const configuration = await discovered();
    expect(configuration.serverMetadata()).toMatchObject({
      issuer: server.urlOf('sandbox', 'api'),
      tls_client_certificate_bound_access_tokens: true,
    });
    expect((await openid.clientCredentialsGrant(configuration)).token_type).toBe('bearer');
  });

  test('[CLI-01] [INT-05] introspects its token, in JSON and as a JWT whose signature it verifies', async () => {
    const json = await discovered();
    const { access_token: token } = await openid.clientCredentialsGrant(json);
    const told = await openid.tokenIntrospection(json, token);
    expect(told).toMatchObject({ active: true, client_id: client.clientId, token_type: 'Bearer' });
    expect(told.cnf).toEqual({ 'x5t#S256': client.identity?.thumbprint });

    const signed = await discovered({ introspection_signed_response_alg: 'ES256' });
    openid.enableNonRepudiationChecks(signed);
    expect(await openid.tokenIntrospection(signed, token)).toEqual(told);
    expect(await openid.tokenIntrospection(signed, 'no token')).toEqual({ active: false });
  });

  test('[CLI-01] [REV-06] revokes its token', async () => {
    const configuration = await discovered();
    const { access_token: token } = await openid.clientCredentialsGrant(configuration);
    await openid.tokenRevocation(configuration, token, { token_type_hint: 'access_token' });
    expect(await openid.tokenIntrospection(configuration, token)).toEqual({ active: false });
    await openid.tokenRevocation(configuration, 'no token');
  });
});

describe('undici', () => {
  const send = (path: RequestInfo, init: RequestInit) =>
    undiciFetch(`${server.urlOf('sandbox', 'api-mtls')}${String(path)}`, { ...init, dispatcher: agent });
  const authorization = (): string => `Basic ${Buffer.from(`${client.clientId}:${client.secret}`).toString('base64')}`;

  test('[CLI-02] gets a token with URLSearchParams as body, and reads the compressed answer', async () => {
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    const answer = await send('/oauth/token', { method: 'POST', body, headers: { authorization: authorization() } });
    expect(answer.headers.get('content-encoding')).toBe('gzip');
    expect(await answer.json()).toMatchObject({ token_type: 'bearer', scope: 'transfers' });
  });

  test('[CLI-02] [RUN-03] is refused with FormData, which it sends as multipart', async () => {
    const body = new FormData();
    body.set('grant_type', 'client_credentials');
    const answer = await send('/oauth/token', { method: 'POST', body, headers: { authorization: authorization() } });
    expect(answer.status).toBe(415);
  });

  test('[CLI-02] calls with a token', async () => {
    const headers = { authorization: `Bearer ${await aToken(server, client)}` };
    const answer = await send('/v1/authenticated/playground', { headers });
    expect(await answer.json()).toMatchObject({ authenticated: true });
  });
});
