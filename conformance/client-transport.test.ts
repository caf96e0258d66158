// The client against a mutual TLS server that somebody else wrote: nginx, started here for the test, without its usual configuration.

import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { get } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { PartnerClient } from '@tollward/client';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type MadeCertificate, makeCertificate, printCertificate } from './support/openssl.js';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;
type Version = (typeof versions)[number];

/** What nginx says of the connection that a request came on. */
interface Seen {
  /** SHA-1 of the client certificate, in hex. */
  readonly fingerprint: string;
  readonly connection: string;
  readonly protocol: string;
}

const seen = '{"fingerprint":"$ssl_client_fingerprint","connection":"$connection","protocol":"$ssl_protocol"}';

const isThere = hasNginx();
if (!isThere && process.env['TOLLWARD_TEST_REQUIRE_NGINX'] === '1')
  throw new Error('nginx is required, and not installed');
if (!isThere && process.env['TOLLWARD_BENCH_REQUIRE_NGINX'] === '1')
  throw new Error('nginx is required, and not installed');

const authority = makeAuthority('authority');
const stranger = makeAuthority('stranger');
const first = makeCertificate({ subject: '/CN=first', issuer: authority });
const second = makeCertificate({ subject: '/CN=second', issuer: authority });
const unknown = makeCertificate({ subject: '/CN=unknown', issuer: stranger });
const directory = mkdtempSync(join(tmpdir(), 'tollward-nginx-'));

/** The requests to `/slow`, which nginx passes on to us: call one to answer it. */
const slow: (() => void)[] = [];
const upstream = createServer(({ headers }, response) => {
  slow.push(() => response.end(headers['x-seen']));
});
let origins: Record<Version, string>;
let statusPort: number;
let stopNginx: () => Promise<void> = async () => undefined;

beforeAll(async () => {
  if (!isThere) return;
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const [older = 0, newer = 0, status = 0] = await freePorts(3);
  origins = { 'TLSv1.2': `https://localhost:${older}`, 'TLSv1.3': `https://localhost:${newer}` };
  statusPort = status;
  stopNginx = await startNginx({ 'TLSv1.2': older, 'TLSv1.3': newer });
});
afterAll(async () => {
  await stopNginx();
  upstream.close();
  rmSync(directory, { recursive: true });
});
beforeEach((context) => {
  context.skip(!isThere, 'nginx is not installed (Debian: apt-get install nginx-light)');
});

/** As long as it takes, within the time of a test. */
function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, 10_000);
}

function makeAuthority(name: string): MadeCertificate {
  return makeCertificate({ subject: `/CN=${name}`, extensions: ['basicConstraints=critical,CA:TRUE'] });
}

/** A client whose certificate is in files. */
function aClient(version: Version, identity: MadeCertificate | undefined) {
  const own = mkdtempSync(join(directory, 'client-'));
  const files = { cert: join(own, 'client.pem'), key: join(own, 'client.key') };
  const put = ({ cert, key }: MadeCertificate) => {
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
  };
  if (identity !== undefined) put(identity);
  const client = new PartnerClient({
    environment: origins[version],
    clientId: 'worker',
    clientSecret: 'nobody asks for it here',
    ca: authority.cert,
    systemAuthorities: false,
    ...(identity === undefined ? {} : { mtls: files }),
  });
  onTestFinished(() => client.close());
  const ask = async (path = '/'): Promise<Seen> => {
    const { statusCode, body } = await client.dispatcher.request({ origin: origins[version], path, method: 'GET' });
    expect(statusCode).toBe(200);
    return (await body.json()) as Seen;
  };
  return { client, put, ask };
}

function fingerprintOf({ cert }: MadeCertificate): string {
  const [, hex = ''] = printCertificate(cert, '-fingerprint', '-sha1').split('=');
  return hex.replaceAll(':', '').toLowerCase();
}

/** How many TLS connections nginx has open: all but the one that asks. */
async function openConnections(): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${statusPort}/`, { headers: { connection: 'close' } });
  return Number(await answer.text()) - 1;
}

describe.each(versions)('nginx with %s', (version) => {
  test('[SDK-01] sees the client certificate, and the calls of a client share connections', async () => {
    const { client, ask } = aClient(version, first);
    const before = await ask();
    expect(before).toMatchObject({ fingerprint: fingerprintOf(first), protocol: version });
    const connections = new Set<string>();
    for (let count = 0; count < 20; count += 1) connections.add((await ask()).connection);
    expect(connections.size).toBeLessThanOrEqual(2);
    const viaAgent = new Promise<Seen>((resolve, reject) => {
      get(`${origins[version]}/`, { agent: client.httpsAgent() }, (response) => {
        text(response).then((body) => resolve(JSON.parse(body) as Seen), reject);
      }).on('error', reject);
    });
    expect((await viaAgent).fingerprint).toBe(fingerprintOf(first));
  });

  test('[SDK-12] sees the new certificate after a renewal, while a slow call ends on the connection of the old one', async () => {
    const { client, put, ask } = aClient(version, first);
    await ask();
    const slowCall = ask('/slow');
    await eventually(() => expect(slow).toHaveLength(1));
    put(second);
    await client.reload();
    const renewed = await Promise.all(Array.from({ length: 5 }, () => ask()));
    for (const { fingerprint } of renewed) expect(fingerprint).toBe(fingerprintOf(second));
    const newConnections = new Set(renewed.map(({ connection }) => connection)).size;
    slow.shift()?.();
    expect((await slowCall).fingerprint).toBe(fingerprintOf(first));
    await eventually(async () => expect(await openConnections()).toBeLessThanOrEqual(newConnections));
    expect((await ask()).fingerprint).toBe(fingerprintOf(second));
  });

  test('[SDK-12] answers every call while the certificate is renewed again and again', async () => {
    const { client, put, ask } = aClient(version, first);
    const known = new Map([first, second].map((identity) => [fingerprintOf(identity), 0]));
    let isOver = false;
    const workers = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        const { fingerprint } = await ask();
        known.set(fingerprint, (known.get(fingerprint) ?? 0) + 1);
      }
    });
    for (let count = 1; count <= 6; count += 1) {
      const before = new Map(known);
      const expected = count % 2 === 0 ? first : second;
      put(expected);
      await client.reload();
      const key = fingerprintOf(expected);
      await eventually(() => expect(known.get(key)).toBeGreaterThan((before.get(key) ?? 0) + 4));
    }
    isOver = true;
    await Promise.all(workers);
    expect(known.size).toBe(2);
  });

  test('[SDK-16] tells a client without a certificate, or with one of an unknown authority, what is wrong in its answer', async () => {
    for (const [identity, message] of [
      [undefined, 'No required SSL certificate was sent'],
      [unknown, 'The SSL certificate error'],
    ] as const) {
      const { client } = aClient(version, identity);
      const { statusCode, body } = await client.dispatcher.request({
        origin: origins[version],
        path: '/',
        method: 'GET',
      });
      expect(statusCode).toBe(400);
      expect(await body.text()).toContain(message);
    }
  });
});

function hasNginx(): boolean {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

async function startNginx(ports: Record<Version, number>): Promise<() => Promise<void>> {
  const server = makeCertificate({
    subject: '/CN=localhost',
    issuer: authority,
    extensions: ['subjectAltName=DNS:localhost'],
  });
  mkdirSync(join(directory, 'temporary'));
  for (const [name, content] of Object.entries({
    'server.pem': server.cert,
    'server.key': server.key,
    'authority.pem': authority.cert,
    'nginx.conf': configuration(ports),
  })) {
    writeFileSync(join(directory, name), content);
  }
  const words = ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')];
  const child = spawn('nginx', words, { stdio: 'inherit' });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  await eventually(async () => {
    expect(child.exitCode, 'nginx ended: its words are above').toBeNull();
    for (const port of Object.values(ports)) await touch(port);
  });
  return () => {
    child.kill();
    return ended;
  };
}

function configuration(ports: Record<Version, number>): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path temporary/${name};`,
  );
  const server = (version: Version) => `
  server {
    listen 127.0.0.1:${ports[version]} ssl;
    ssl_protocols ${version};
    ssl_certificate ${directory}/server.pem;
    ssl_certificate_key ${directory}/server.key;
    ssl_client_certificate ${directory}/authority.pem;
    ssl_verify_client on;
    ssl_session_cache shared:${version.replace('.', '')}:1m;
    default_type application/json;
    location / { return 200 '${seen}'; }
    location /slow {
      proxy_pass http://127.0.0.1:${(upstream.address() as AddressInfo).port};
      proxy_set_header X-Seen '${seen}';
    }
  }`;
  return `
daemon off;
master_process off;
pid ${directory}/nginx.pid;
events { worker_connections 256; }
http {
  access_log off;
  ${temporary.join('\n  ')}
  ${versions.map(server).join('')}
  server {
    listen 127.0.0.1:${statusPort};
    location / { return 200 '$connections_active'; }
  }
}
`;
}

function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createTcpServer());
  return Promise.all(
    servers.map(async (server) => {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return (server.address() as AddressInfo).port;
    }),
  ).finally(() => {
    for (const server of servers) server.close();
  });
}

function touch(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}
