import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAuthority } from '../certificates/certificate-authority.js';
import { signServerCertificate } from '../certificates/index.js';
import { runCli } from '../testing/cli.js';
import { formatEnvFile } from './env-file.js';

interface Seen {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly certificate: string | undefined;
}

interface Answer {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
}

const tokenBody = { access_token: 'tlw_sbx_at_x', token_type: 'bearer', expires_in: 43_199 };
let dataDirectory: string;
let server: Server;
let url: string;
let seen: Seen[] = [];
let answer: Answer;

beforeAll(async () => {
  const now = Date.now();
  dataDirectory = await mkdtemp(join(tmpdir(), 'data-'));
  const authority = await createAuthority({ environment: 'sandbox', kind: 'platform', now });
  const { keyPem, chainPem } = await signServerCertificate({ authority, hosts: ['localhost'], now });
  const options = { key: keyPem, cert: chainPem, requestCert: true, rejectUnauthorized: false };
  server = createServer(options, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const certificate = (request.socket as TLSSocket).getPeerX509Certificate()?.toString();
      seen.push({ headers: request.headers, body, certificate });
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const address = server.address();
  url = `https://localhost:${typeof address === 'object' ? address?.port : ''}`;

  await writeFile(join(dataDirectory, 'ca.pem'), authority.rootCertificatePem);
  // Any certificate serves: whether it is a good one is the server's question, not the command's.
  await writeFile(join(dataDirectory, 'client.pem'), chainPem);
  await writeFile(join(dataDirectory, 'client.key'), keyPem);
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dataDirectory, { recursive: true });
});
beforeEach(async () => {
  seen = [];
  answer = { status: 200, body: JSON.stringify(tokenBody) };
  const files = { CLIENT_CERT: join(dataDirectory, 'client.pem'), CLIENT_KEY: join(dataDirectory, 'client.key') };
  const values = {
    API_URL: 'https://localhost:1',
    MTLS_URL: url,
    CA_FILE: join(dataDirectory, 'ca.pem'),
    CLIENT_ID: 'cli_1',
    CLIENT_SECRET: 'first-secret',
    ...files,
    OTHER_CLIENT_ID: 'cli_2',
    OTHER_CLIENT_SECRET: 'second-secret',
    OTHER_CLIENT_CERT: files.CLIENT_CERT,
    OTHER_CLIENT_KEY: files.CLIENT_KEY,
  };
  await writeFile(join(dataDirectory, 'sandbox.env'), formatEnvFile(values));
});

function tokenGet(...words: string[]) {
  return runCli(['token', 'get', '--data-dir', dataDirectory, ...words]);
}

function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

describe('token get', () => {
  it('asks by HTTP Basic with the client certificate, and prints the answer as JSON', async () => {
    const run = await tokenGet();
    expect(run).toMatchObject({ exitCode: 0, error: '' });
    expect(JSON.parse(run.out)).toEqual(tokenBody);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers).toMatchObject({
      authorization: basic('cli_1:first-secret'),
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(seen[0]?.body).toBe('grant_type=client_credentials');
    expect(seen[0]?.certificate).toContain('BEGIN CERTIFICATE');
  });

  it('asks as the second partner with --other', async () => {
    await tokenGet('--other');
    expect(seen[0]?.headers.authorization).toBe(basic('cli_2:second-secret'));
  });

  it('takes only credentials from another env file, and never the certificate of the example partner with them', async () => {
    const file = join(dataDirectory, 'unbound.env');
    await writeFile(file, formatEnvFile({ CLIENT_ID: 'cli_3', CLIENT_SECRET: 'third-secret', API_URL: url }));
    expect((await tokenGet('--env-file', file)).exitCode).toBe(0);
    expect(seen[0]?.headers.authorization).toBe(basic('cli_3:third-secret'));
    expect(seen[0]?.certificate).toBeUndefined();
  });

  it('ends with 3 for a refusal and hands over what explain needs', async () => {
    const traceId = randomBytes(16).toString('hex');
    answer = {
      status: 401,
      headers: { 'x-refusal-code': 'certificate_revoked', 'x-trace-id': traceId },
      body: '{"error":"invalid_client","error_description":"It was revoked."}',
    };
    const text = await tokenGet();
    expect(text).toMatchObject({ exitCode: 3, out: '' });
    for (const part of ['invalid_client', 'It was revoked.', 'certificate_revoked', `tollward explain ${traceId}`]) {
      expect(text.error).toContain(part);
    }
    const json = await tokenGet('--json');
    expect(JSON.parse(json.error)).toMatchObject({
      error: { exitCode: 3, refusalCode: 'certificate_revoked', traceId },
    });
  });

  it.each([429, 503])('ends with 1 for %i, which says nothing about the credentials', async (status) => {
    answer = { status, body: '{"error":"temporarily_unavailable","error_description":"Later."}' };
    expect((await tokenGet()).exitCode).toBe(1);
  });

  it('does not talk to a server that the CA file does not vouch for', async () => {
    const stranger = await createAuthority({ environment: 'sandbox', kind: 'platform', now: Date.now() });
    await writeFile(join(dataDirectory, 'stranger.pem'), stranger.rootCertificatePem);
    const file = join(dataDirectory, 'stranger.env');
    const credentials = { API_URL: url, CLIENT_ID: 'cli_1', CLIENT_SECRET: 'first-secret' };
    await writeFile(file, formatEnvFile({ ...credentials, CA_FILE: join(dataDirectory, 'stranger.pem') }));
    expect((await tokenGet('--env-file', file)).exitCode).toBe(1);
    expect(seen).toEqual([]);
  });

  it('says which file or server is missing, without a secret', async () => {
    const production = await tokenGet('--environment', 'production');
    expect(production.exitCode).toBe(1);
    expect(production.error).toContain('production.env');

    const file = join(dataDirectory, 'down.env');
    await writeFile(file, 'API_URL=https://localhost:1\nCLIENT_ID=cli_1\nCLIENT_SECRET=first-secret\n');
    const down = await tokenGet('--env-file', file);
    expect(down.exitCode).toBe(1);
    expect(down.error).toContain('ECONNREFUSED');
    expect(down.error).not.toContain('first-secret');
  });

  it.each(['http://localhost:1', 'localhost:1', 'https://local host', 'https://'])(
    'ends with 2 for the address %s, and names the variable to correct',
    async (address) => {
      const file = join(dataDirectory, 'address.env');
      const credentials = { CLIENT_ID: 'cli_1', CLIENT_SECRET: 'first-secret' };
      for (const [name, more] of [
        ['API_URL', {}],
        ['MTLS_URL', { CLIENT_CERT: join(dataDirectory, 'client.pem'), CLIENT_KEY: join(dataDirectory, 'client.key') }],
      ] as const) {
        await writeFile(file, formatEnvFile({ ...credentials, ...more, [name]: address }));
        const { exitCode, out, error } = await tokenGet('--env-file', file);
        expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' });
        expect(error).toContain(`${name} in ${file} must be a URL that begins with https://.`);
        expect(error).not.toContain('first-secret');
      }
    },
  );

  it('names the file of the data directory when that is the one with the wrong address', async () => {
    const file = join(dataDirectory, 'credentials.env');
    await writeFile(file, formatEnvFile({ CLIENT_ID: 'cli_1', CLIENT_SECRET: 'first-secret' }));
    const seededFile = join(dataDirectory, 'sandbox.env');
    await writeFile(seededFile, formatEnvFile({ API_URL: 'http://localhost:1' }));
    expect((await tokenGet('--env-file', file)).error).toContain(`API_URL in ${seededFile} must be`);
  });

  it('ends with 2 for an env file it can not use, and repeats nothing of it', async () => {
    const file = join(dataDirectory, 'broken.env');
    for (const content of ['CLIENT_ID=cli_1\n', 'CLIENT_ID=cli_1\nCLIENT_SECRET="first-secret\n']) {
      await writeFile(file, content);
      const { exitCode, error } = await tokenGet('--env-file', file);
      expect(exitCode).toBe(2);
      expect(error).not.toContain('first-secret');
    }
  });
});
