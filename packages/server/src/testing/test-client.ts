import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import type { Environment } from '@tollward/protocol';
import { createClientKeyAndCsr, decideCsr } from '../certificates/index.js';
import { type ClientPolicy, createClient } from '../clients/index.js';
import type { ListenerName } from '../surfaces/wire/exchange.js';
import type { TestServer } from './test-server.js';

/** A partner's client as the partner holds it. */
export interface TestClient {
  readonly environment: Environment;
  readonly clientId: string;
  readonly secret: string;
  /** Null for a client without a certificate. */
  readonly identity: ClientIdentity | null;
}

export interface ClientIdentity {
  readonly certificateId: string;
  readonly thumbprint: string;
  readonly cert: string;
  readonly key: string;
}

export interface TestClientOptions {
  readonly environment?: Environment;
  readonly mtlsRequired?: boolean;
  readonly withCertificate?: boolean;
  readonly policy?: Partial<ClientPolicy>;
}

/** Makes a client the way an operator does: key and request outside, everything else through the use case. */
export async function aClient(server: TestServer, options: TestClientOptions = {}): Promise<TestClient> {
  const { environment = 'sandbox', mtlsRequired = true, withCertificate = true, policy = {} } = options;
  const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Example' });
  const csr = await decideCsr(csrPem);
  if (!csr.ok) throw new Error(csr.remedy);
  const name = `client ${randomBytes(6).toString('hex')}`;
  const created = await createClient(
    {
      environment,
      organisationName: name,
      name,
      policy: { ...policy, mtlsRequired },
      csr: withCertificate ? csr.csr : undefined,
      actor: 'operator',
    },
    server.time.now,
    server.core,
  );
  if (!created.ok) throw new Error(created.problem);
  const { certificate } = created;
  return {
    environment,
    clientId: created.clientId,
    secret: created.secret.reveal(),
    identity: certificate
      ? { certificateId: certificate.id, thumbprint: certificate.thumbprint, cert: certificate.chainPem, key: keyPem }
      : null,
  };
}

/** The certificate and key that `client` was made with. */
export function identityOf({ identity }: TestClient): ClientIdentity {
  if (identity === null) throw new Error('the client has no certificate');
  return identity;
}

export interface Call {
  readonly environment?: Environment;
  readonly listener?: ListenerName;
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly identity?: Pick<ClientIdentity, 'cert' | 'key'> | null;
}

export interface CallAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; an empty object when it is not. */
  readonly json: Record<string, unknown>;
}

/** One request on a connection of its own. */
export function call(server: Pick<TestServer, 'urlOf' | 'caOf'>, call: Call): Promise<CallAnswer> {
  const { environment = 'sandbox', listener = 'api-mtls', identity } = call;
  const url = new URL(call.path, server.urlOf(environment, listener));
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method: call.method ?? 'GET',
        // The paths of some tests are not what URL makes of them.
        path: call.path,
        headers: call.headers,
        ca: server.caOf(environment),
        agent: false,
        ...(identity ? { cert: identity.cert, key: identity.key } : {}),
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8');
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text, json: parseJson(text) });
        });
        incoming.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(call.body);
  });
}

function parseJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

export function basic(clientId: string, secret: string): string {
  return `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
}

/** A token request of `client` as its partner would send it; `changes` bend it. */
export function requestToken(server: TestServer, client: TestClient, changes: Partial<Call> = {}): Promise<CallAnswer> {
  return call(server, {
    environment: client.environment,
    method: 'POST',
    path: '/oauth/token',
    body: 'grant_type=client_credentials',
    identity: client.identity,
    ...changes,
    headers: {
      authorization: basic(client.clientId, client.secret),
      'content-type': 'application/x-www-form-urlencoded',
      ...changes.headers,
    },
  });
}

/** A token of `client`, or an error that shows why there is none. */
export async function aToken(server: TestServer, client: TestClient, changes: Partial<Call> = {}): Promise<string> {
  const answer = await requestToken(server, client, changes);
  const token = answer.json['access_token'];
  if (typeof token !== 'string') throw new Error(`no token: ${answer.status} ${answer.text}`);
  return token;
}

export function callPlayground(
  server: TestServer,
  client: TestClient,
  token: string,
  changes: Partial<Call> = {},
): Promise<CallAnswer> {
  return call(server, {
    environment: client.environment,
    path: '/v1/authenticated/playground',
    identity: client.identity,
    ...changes,
    headers: { authorization: `Bearer ${token}`, ...changes.headers },
  });
}
