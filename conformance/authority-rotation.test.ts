// The authorities of a running server are rotated, and what clients notice of it, over real TLS.

import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import {
  aClient,
  addCertificate,
  askManagement,
  aToken,
  callPlayground,
  identityOf,
  requestToken,
  startTestServer,
  type TestServer,
} from '@tollward/server/testing';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openConnection } from './support/connection.js';
import { printCertificate, splitChain } from './support/openssl.js';

interface PlatformChain {
  readonly certificates: readonly { readonly role: string; readonly pem: string; readonly usedFrom: string }[];
}

async function rotate(server: TestServer, kind: 'partner-ca' | 'platform-ca', publishSeconds?: number): Promise<void> {
  const key = server.core.keys.find((one) => one.kind === kind);
  await key?.rotate({ environment: 'sandbox', publishSeconds }, server.time.now);
}

/** Who signed the certificate that a client with these roots is shown; undefined when it refuses it. */
async function issuerFor(server: TestServer, ca: string): Promise<string | undefined> {
  const socket = await openConnection(server, {}, { ca }).catch(() => undefined);
  const issuer = socket?.getPeerX509Certificate()?.issuer;
  socket?.destroy();
  return issuer;
}

describe('a running server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  test('[AUT-21] a client with both roots never fails, one with the old root alone until the new one is used', async () => {
    const old = server.caOf('sandbox');
    const production = server.caOf('production');
    const before = await issuerFor(server, old);
    expect(before).toBeDefined();
    await rotate(server, 'platform-ca', 120);
    const both = server.caOf('sandbox');
    expect(splitChain(both).map((pem) => `${pem}\n`)[0]).toBe(old);
    expect(splitChain(both)).toHaveLength(2);
    expect(server.caOf('production')).toBe(production);
    const open = await openConnection(server, {});

    server.time.now += 119_999;
    await server.refreshCertificates();
    for (const roots of [old, both]) expect(await issuerFor(server, roots)).toBe(before);
    server.time.now += 1;
    await server.refreshCertificates();
    const after = await issuerFor(server, both);
    expect(after).not.toBe(before);
    expect(after).toMatch(/Tollward Sandbox Platform Issuing CA \d{4}-\d\d-\d\d$/);
    expect(await issuerFor(server, old), 'the new one is below another root').toBeUndefined();
    expect(await issuerFor(server, splitChain(both)[1] ?? '')).toBe(after);
    expect(await answerOn(open), 'what was open goes on').toMatch(/^HTTP\/1\.1 401 /);

    const client = await aClient(server);
    expect((await callPlayground(server, client, await aToken(server, client))).status).toBe(200);
  });

  test('[AUT-22] partners are told which roots there are and from when on each is used', async () => {
    await rotate(server, 'platform-ca', 3_600);
    const { text } = await askManagement(server, { method: 'GET', path: '/environments/sandbox/platform-chain' });
    const { certificates }: PlatformChain = JSON.parse(text);
    const roots = certificates.filter(({ role }) => role === 'root');
    expect(roots.map(({ pem }) => pem).join('')).toBe(server.caOf('sandbox'));
    const starts = roots.map(({ usedFrom }) => Date.parse(usedFrom));
    expect(starts.at(-1)).toBe(server.time.now + 3_600_000);
    expect(starts).toEqual(starts.toSorted((left, right) => left - right));
  });

  test('[AUT-23] certificates by the partner authority of before are accepted as ever, new ones are by the new one', async () => {
    const client = await aClient(server);
    const token = await aToken(server, client);
    await rotate(server, 'partner-ca');
    server.time.now += 1;
    const further = await addCertificate(server, client);
    const [before, after] = [identityOf(client), further].map(({ cert }) => printCertificate(cert, '-issuer'));
    expect(after).not.toBe(before);
    expect((await callPlayground(server, client, token)).status).toBe(200);
    expect((await requestToken(server, client)).status).toBe(200);
    const renewed = { ...client, identity: further };
    expect((await callPlayground(server, renewed, await aToken(server, renewed))).status).toBe(200);
  });
});

/** Everything that comes on a connection after a call without a token, until the server closes. */
async function answerOn(socket: TLSSocket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.write('GET /v1/authenticated/playground HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  await once(socket, 'close');
  return text;
}
