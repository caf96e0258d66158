// A sandbox as a test of a partner uses it, asked over sockets of the test's own, and once with the client of this package.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PartnerClient } from '../index.js';
import { type Sandbox, startSandbox } from './index.js';

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await startSandbox({ tokenLifetimeSeconds: 20 });
});
afterAll(() => sandbox.stop());

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly json: Record<string, unknown>;
}

/** One request on a connection of its own, with what the options of the sandbox say now. */
async function ask(method: string, path: string, headers: Record<string, string>, body = ''): Promise<Answer> {
  const { mtls, ca } = sandbox.options();
  const read = (file: unknown): Buffer => readFileSync(String(file));
  const agent = new Agent({ ca: read(ca), cert: read(mtls?.cert), key: read(mtls?.key) });
  return new Promise((resolve, reject) => {
    const outgoing = request(new URL(path, sandbox.mtlsUrl), { method, headers, agent }, (incoming) => {
      let text = '';
      incoming.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, json: JSON.parse(text) });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

async function secretNow(): Promise<string> {
  const { clientSecret } = sandbox.options();
  return typeof clientSecret === 'function' ? clientSecret() : clientSecret;
}

async function askForToken(secret?: string): Promise<Answer> {
  const credentials = `${sandbox.clientId}:${secret ?? (await secretNow())}`;
  const headers = {
    authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
    'content-type': 'application/x-www-form-urlencoded',
  };
  return ask('POST', '/oauth/token', headers, 'grant_type=client_credentials');
}

async function aToken(): Promise<string> {
  const { status, json } = await askForToken();
  expect(status).toBe(200);
  return String(json['access_token']);
}

function call(token: string): Promise<Answer> {
  return ask('GET', '/v1/authenticated/playground', { authorization: `Bearer ${token}` });
}

test('[SDK-70] gives tokens of the asked lifetime to its client, and to nobody without its certificate', async () => {
  const { json } = await askForToken();
  expect(json['expires_in']).toBeLessThanOrEqual(20);
  expect(json['expires_in']).toBeGreaterThanOrEqual(19);
  expect(await call(String(json['access_token']))).toMatchObject({ status: 200, json: { clientId: sandbox.clientId } });
});

test('[SDK-71] ended tokens are answered as expired ones are, and new ones work', async () => {
  const token = await aToken();
  await sandbox.expireTokens();
  expect(await call(token)).toMatchObject({
    status: 401,
    headers: { 'www-authenticate': expect.stringContaining('error="invalid_token"') },
    json: { error: 'invalid_token' },
  });
  expect((await call(await aToken())).status).toBe(200);
});

test('[SDK-72] a rotated secret is in the options at once, and the one before gets tokens during its overlap only', async () => {
  const first = await secretNow();
  await sandbox.rotateSecret();
  const second = await secretNow();
  expect(second).not.toBe(first);
  expect([(await askForToken(first)).status, (await askForToken(second)).status]).toEqual([200, 200]);
  await sandbox.rotateSecret({ overlapSeconds: 0 });
  expect((await askForToken(second)).status).toBe(401);
  expect((await askForToken()).status).toBe(200);
});

test('[SDK-72] a renewed certificate is in the same files, and the old one works until it is revoked', async () => {
  const before = await aToken();
  const { thumbprint, revokeOld } = await sandbox.renewCertificate();
  const answer = await call(await aToken());
  expect(answer).toMatchObject({ status: 200, json: { certificateThumbprint: thumbprint } });
  expect((await call(before)).json['error']).toBe('invalid_token');
  await revokeOld();
  expect((await call(await aToken())).status).toBe(200);
});

test('[SDK-73] the next requests fail as they were told to, the token request too, and it can be explained', async () => {
  const token = await aToken();
  await sandbox.failNext({ status: 503, retryAfterSeconds: 2 });
  const failed = await askForToken();
  expect(failed).toMatchObject({ status: 503, headers: { 'retry-after': '2' } });
  expect(await sandbox.explain(String(failed.headers['x-trace-id']))).toMatchObject({
    code: 'injected_fault',
    status: 503,
  });
  await expect(sandbox.explain('0'.repeat(32))).rejects.toThrow(/No refusal is kept/);

  await sandbox.failNext('reset', { path: '/v1/' });
  expect((await askForToken()).status).toBe(200);
  await expect(call(token)).rejects.toThrow(/socket hang up|ECONNRESET/);

  await sandbox.failNext({ status: 422, body: { errors: [] } }, { times: 2, method: 'GET' });
  expect((await askForToken()).status).toBe(200);
  expect([await call(token), await call(token)]).toMatchObject([
    { status: 422, json: { errors: [] } },
    { status: 422, json: { errors: [] } },
  ]);
  expect((await call(token)).status).toBe(200);
});

test('[SDK-81] a client with its options rides through faults, ended tokens, a rotation, a renewal and a restart, and closes', async () => {
  const client = new PartnerClient(sandbox.options());
  const status = async (): Promise<number> => (await client.get('/v1/authenticated/playground')).status;
  expect(await status()).toBe(200);
  await sandbox.failNext({ status: 503 });
  expect(await status()).toBe(200);
  await sandbox.failNext('reset');
  expect(await status()).toBe(200);
  await sandbox.failNext('no-answer');
  await expect(client.get('/v1/authenticated/playground', { timeoutMs: 300 })).rejects.toThrow(/300 ms/);
  await sandbox.rotateSecret({ overlapSeconds: 0 });
  await sandbox.expireTokens();
  expect(await status()).toBe(200);
  const { thumbprint, revokeOld } = await sandbox.renewCertificate();
  await client.reload();
  expect(await client.checkCertificate()).toMatchObject({ thumbprint });
  await revokeOld();
  expect(await status()).toBe(200);
  await sandbox.restart();
  expect(await status()).toBe(200);
  await client.close();
});

test('[SDK-74] a restart keeps addresses, credentials and tokens', async () => {
  const token = await aToken();
  const { mtlsUrl } = sandbox;
  await sandbox.restart();
  expect(sandbox.mtlsUrl).toBe(mtlsUrl);
  expect((await call(token)).status).toBe(200);
});

/** Whether somebody takes connections there. */
function listens(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), 'localhost');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

test('[SDK-75] the server ends with the process that started it, even when that is killed', async () => {
  const built = new URL('../../dist/testing/index.js', import.meta.url).href;
  const program = `
    const { startSandbox } = await import('${built}');
    const { mtlsUrl, caFile } = await startSandbox();
    console.log(JSON.stringify({ mtlsUrl, caFile }));`;
  const words = ['--input-type=module', '-e', program];
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve) => createInterface({ input: child.stdout }).once('line', resolve));
  const { mtlsUrl, caFile } = JSON.parse(line) as { mtlsUrl: string; caFile: string };
  expect(await listens(mtlsUrl)).toBe(true);
  child.kill('SIGKILL');
  await expect.poll(() => listens(mtlsUrl), { timeout: 20_000, interval: 200 }).toBe(false);
  // Its folder is what a killed process can not remove.
  rmSync(join(caFile, '../../..'), { recursive: true });
});

test('[SDK-75] nothing listens and no file is left after the end', async () => {
  const { caFile, mtlsUrl } = sandbox;
  expect([await listens(mtlsUrl), existsSync(caFile)]).toEqual([true, true]);
  await sandbox.stop();
  expect([await listens(mtlsUrl), existsSync(caFile)]).toEqual([false, false]);
});
