// Nodes of one installation on a PostgreSQL database, as `tollward serve` runs them.

import { randomBytes } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { askManagement } from './management.js';
import { makeRequest } from './openssl.js';
import type { Partner } from './partner.js';
import { findPortBase, finish, makeDirectory, type Program, startProgram, type Variables } from './program.js';

export interface Node {
  readonly dataDirectory: string;
  readonly portBase: number;
  readonly mtlsUrl: string;
  readonly operationsUrl: string;
  readonly program: Program;
}

export interface Installation {
  readonly variables: Variables;
  readonly databaseUrl: string;
}

/** What every node of it is told, and a migrated database. */
export async function installOn(databaseUrl: string): Promise<Installation> {
  const masterKey = randomBytes(32).toString('base64');
  const limits = ['CLIENT_REQUESTS', 'ADDRESS_REQUESTS', 'ADDRESS_HANDSHAKES', 'ADDRESS_FAILURES'].flatMap((name) => [
    [`TOLLWARD_${name}_PER_SECOND`, '1000000'],
    [`TOLLWARD_${name}_PER_MINUTE`, '1000000'],
  ]);
  const variables = { TOLLWARD_MASTER_KEY: masterKey, ...Object.fromEntries(limits) };
  const migrated = await finish(startProgram(['migrate', 'up'], { ...variables, TOLLWARD_DATABASE_URL: databaseUrl }));
  if (migrated.code !== 0) throw new Error(`migrate up ended with ${migrated.code}: ${migrated.error}`);
  return { variables, databaseUrl };
}

export interface NodeOptions {
  /** Another way to the same database. */
  readonly databaseUrl?: string;
  /** Of a node that was stopped, to take its place. */
  readonly portBase?: number;
  readonly variables?: Variables;
}

/** Resolves when it says that it is ready. */
export async function startNode(installation: Installation, options: NodeOptions = {}): Promise<Node> {
  const portBase = options.portBase ?? (await findPortBase());
  const dataDirectory = join(makeDirectory(), 'data');
  const program = startProgram(
    ['--data-dir', dataDirectory, 'serve', '--environment', 'sandbox', '--port-base', String(portBase)],
    {
      ...installation.variables,
      TOLLWARD_DATABASE_URL: options.databaseUrl ?? installation.databaseUrl,
      TOLLWARD_SANDBOX_API_URL: `https://localhost:${portBase + 3}`,
      TOLLWARD_SANDBOX_MTLS_URL: `https://localhost:${portBase + 4}`,
      // Nobody listens there: what these nodes are tested for needs no upstream.
      TOLLWARD_SANDBOX_UPSTREAM: 'http://127.0.0.1:9',
      ...options.variables,
    },
  );
  await program.until(/"msg":"ready"/);
  return {
    dataDirectory,
    portBase,
    mtlsUrl: `https://localhost:${portBase + 4}`,
    operationsUrl: `http://127.0.0.1:${portBase + 650}`,
    program,
  };
}

/** A new client of sandbox with a certificate, as its partner holds it. */
export async function makePartner(node: Node): Promise<Partner> {
  const name = `client ${randomBytes(6).toString('hex')}`;
  const { csr, key } = makeRequest({ subject: `/O=${name}` });
  const body = { environment: 'sandbox', organisation: name, name, csr };
  const created = await ask(node, 'POST', '/clients', body);
  const platform = await ask(node, 'GET', '/environments/sandbox/platform-chain');
  const { certificates } = platform as { certificates: readonly { role: string; pem: string }[] };
  const { client, secret, certificate } = created as {
    client: { id: string };
    secret: string;
    certificate: { chainPem: string };
  };
  return {
    environment: 'sandbox',
    clientId: client.id,
    secret,
    mtlsUrl: node.mtlsUrl,
    ca: certificates.flatMap(({ role, pem }) => (role === 'root' ? [pem] : [])).join('\n'),
    identity: { cert: certificate.chainPem, key },
  };
}

/** @throws when the answer is no success */
export async function ask(
  node: Node,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body?: unknown,
): Promise<Record<string, unknown>> {
  const { status, json } = await askManagement(node.dataDirectory, method, path, body);
  if (status >= 300) throw new Error(`${method} ${path} was answered ${status} ${JSON.stringify(json)}`);
  return json;
}

/** The same partner at another node. */
export function at(node: Node, partner: Partner): Partner {
  return { ...partner, mtlsUrl: node.mtlsUrl };
}

/** Revokes a client at a node; resolves when the node has said so. */
export async function revokeAt(node: Node, clientId: string): Promise<void> {
  await ask(node, 'POST', `/clients/${clientId}/revocation`);
}

export interface Wire {
  readonly url: string;
  /** From now on nothing goes through, in either direction, and nobody is told. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A way to the database that can fall silent, as a network does: no connection is ended. */
export async function wireTo(databaseUrl: string): Promise<Wire> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let silent = false;
  const server: Server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      // What is sent into a silent wire is lost, and so is the connection it belonged to.
      from.on('data', (chunk) => void (silent ? lost.add(from) : lost.has(from) || to.write(chunk)));
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  const lost = new Set<Socket>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  return {
    url: url.href,
    cut: () => {
      silent = true;
    },
    mend: () => {
      silent = false;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
