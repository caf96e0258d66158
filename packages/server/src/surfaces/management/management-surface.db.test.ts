import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { createClientKeyAndCsr } from '../../certificates/index.js';
import { isRefusal } from '../../refusals/index.js';
import { openTestManagement, type TestManagement } from '../../testing/management.js';
import type { createdClientSchema } from './schemas/clients.js';

type CreatedClientOnTheWire = z.input<typeof createdClientSchema>;

let management: TestManagement;
let names = 0;

beforeAll(async () => {
  management = await openTestManagement();
});
afterAll(() => management.close());

function post(url: string, payload?: object) {
  return management.surface.inject({ method: 'POST', url, ...(payload && { payload }) });
}

function get(url: string) {
  return management.surface.inject({ method: 'GET', url });
}

function aRequest(changes: object = {}): object {
  names += 1;
  return { environment: 'sandbox', organisation: 'Test Bank', name: `client ${names}`, ...changes };
}

async function createClient(changes: object = {}): Promise<CreatedClientOnTheWire> {
  const response = await post('/clients', aRequest(changes));
  expect(response.statusCode).toBe(201);
  return response.json();
}

async function issueToken({ client, secret }: CreatedClientOnTheWire): Promise<string> {
  const issued = await management.requestToken(client.id, secret);
  if (isRefusal(issued)) throw new Error(`no token: ${issued.refusal}`);
  return issued.body.access_token;
}

function expectProblem(response: Awaited<ReturnType<typeof get>>, status: number, code: string): void {
  expect(response.statusCode).toBe(status);
  expect(response.headers['content-type']).toContain('application/problem+json');
  const body: unknown = response.json();
  const text = expect.stringMatching(/\w/);
  expect(body).toEqual({ type: 'about:blank', title: text, status, code, detail: text });
}

describe('status', () => {
  it('says what the composition root says, and how far the clocks are apart', async () => {
    const databaseTime = await management.database.clock();
    const body = (await get('/status')).json<{ clockSkewMs: number }>();
    expect(body).toEqual({
      version: '1.2.3',
      pid: 42,
      startedAt: '2026-03-01T11:00:00.000Z',
      listeners: [{ environment: 'sandbox', listener: 'api', url: 'https://localhost:8443' }],
      ready: true,
      checks: [],
      node: null,
      clockSkewMs: expect.any(Number),
    });
    // The clock of the test stands still, so the skew only shrinks while the database's runs on.
    expect(body.clockSkewMs).toBeLessThanOrEqual(management.time.now - databaseTime);
  });
});

describe('creating a client', () => {
  it('hands out a secret that gets tokens, and shows it never again', async () => {
    const created = await createClient({ mtlsRequired: false });
    expect(await issueToken(created)).toMatch(/^tlw_sbx_at_/);
    const shown = await get(`/clients/${created.client.id}`);
    expect(shown.statusCode).toBe(200);
    expect(shown.body).not.toContain(created.secret);
  });

  it('signs the certificate request and registers the certificate', async () => {
    const { csrPem } = await createClientKeyAndCsr({ organisation: 'Test Bank' });
    const { client, certificate } = await createClient({ csr: csrPem });
    expect(certificate?.chainPem.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(client.certificates).toHaveLength(1);
    expect(client.certificates[0]).toMatchObject({
      id: certificate?.id,
      notAfter: certificate?.notAfter,
      revokedAt: null,
    });
  });

  it('requires mutual TLS unless told otherwise, and says that a certificate is still needed', async () => {
    const { client, notice, certificate } = await createClient();
    expect(client.mtlsRequired).toBe(true);
    expect(certificate).toBeUndefined();
    expect(notice).toMatch(/certificate/);
    expect((await createClient({ mtlsRequired: false })).notice).toBeUndefined();
  });

  it('is written into the audit trail as the act of the operator', async () => {
    const { client } = await createClient();
    const rows = await management.database.read((tx) =>
      tx.selectFrom('audit_entries').select(['actor', 'action']).where('subject', '=', client.id).execute(),
    );
    expect(rows).toEqual([{ actor: 'operator', action: 'client.created' }]);
  });

  it('refuses a name that the organisation has already, in the same environment only', async () => {
    const request = aRequest();
    expect((await post('/clients', request)).statusCode).toBe(201);
    expectProblem(await post('/clients', request), 409, 'client_name_taken');
    expect((await post('/clients', { ...request, environment: 'production' })).statusCode).toBe(201);
    expect((await post('/clients', { ...request, organisation: 'Other Bank' })).statusCode).toBe(201);
  });

  it('refuses a certificate request with what to do about it, repeats nothing of it, and makes no client', async () => {
    const { keyPem } = await createClientKeyAndCsr({ organisation: 'Test Bank' });
    const before = (await get('/clients')).body;
    const response = await post('/clients', aRequest({ csr: keyPem }));
    expectProblem(response, 422, 'certificate_request_rejected');
    expect(response.json<{ detail: string }>().detail).toMatch(/private key/);
    expect(response.body).not.toContain(keyPem.split('\n')[1]);
    expect((await get('/clients')).body).toBe(before);
  });

  it.each([
    ['an unknown environment', { environment: 'staging' }],
    ['an empty name', { name: '  ' }],
    ['a name of over 100 characters', { name: 'n'.repeat(101) }],
    ['a name that moves the cursor of a terminal', { name: 'a\u001b[2Jb' }],
    ['a name that turns the reading direction', { organisation: 'a\u202eb' }],
    ['a field it does not know', { mtlsRequire: false }],
    ['a switch that is no boolean', { mtlsRequired: 'no' }],
  ])('refuses %s', async (_case, changes) => {
    expectProblem(await post('/clients', aRequest(changes)), 400, 'validation_failed');
  });
});

describe('listing clients', () => {
  it('shows both environments, or the one that is named', async () => {
    const sandbox = await createClient();
    const production = await createClient({ environment: 'production' });
    const idsAt = async (url: string): Promise<string[]> =>
      (await get(url)).json<{ clients: { id: string }[] }>().clients.map(({ id }) => id);
    expect(await idsAt('/clients')).toEqual(expect.arrayContaining([sandbox.client.id, production.client.id]));
    expect(await idsAt('/clients?environment=production')).toContain(production.client.id);
    expect(await idsAt('/clients?environment=production')).not.toContain(sandbox.client.id);
  });

  it('refuses a filter it does not know instead of showing everything', async () => {
    expectProblem(await get('/clients?enviroment=sandbox'), 400, 'validation_failed');
  });
});

describe('revoking', () => {
  it('ends a client: its token is out of force at once, it gets no other, and a second time changes nothing', async () => {
    const created = await createClient({ mtlsRequired: false });
    const token = await issueToken(created);
    const url = `/clients/${created.client.id}/revocation`;
    const inspect = async () => (await post('/tokens/inspection', { token })).json<{ inForce: boolean }>().inForce;

    expect(await inspect()).toBe(true);
    expect((await post(url)).json()).toEqual({ alreadyRevoked: false });
    expect(await inspect()).toBe(false);
    expect(await management.requestToken(created.client.id, created.secret)).toMatchObject({
      refusal: 'client_revoked',
    });
    expect((await post(url)).json()).toEqual({ alreadyRevoked: true });
  });

  it('ends a certificate, shown so at its client, and a second time changes nothing', async () => {
    const { csrPem } = await createClientKeyAndCsr({ organisation: 'Test Bank' });
    const { client, certificate } = await createClient({ csr: csrPem });
    const url = `/certificates/${certificate?.id}/revocation`;
    expect((await post(url)).json()).toEqual({ alreadyRevoked: false });
    const shown = (await get(`/clients/${client.id}`)).json<typeof client>();
    expect(shown.certificates[0]?.revokedAt).toBe(new Date(management.time.now).toISOString());
    expect((await post(url)).json()).toEqual({ alreadyRevoked: true });
  });
});

describe('inspecting a token', () => {
  it('tells kind, client, times and binding, and never repeats the token', async () => {
    const created = await createClient({ mtlsRequired: false });
    const token = await issueToken(created);
    const response = await post('/tokens/inspection', { token });
    expect(response.json()).toEqual({
      readable: true,
      environment: 'sandbox',
      claims: {
        kind: 'client_credentials',
        tokenId: expect.stringMatching(/^[0-9a-f]{32}$/),
        issuedAt: '2026-03-01T12:00:00.000Z',
        expiresAt: '2026-03-02T00:00:00.000Z',
        clientId: created.client.id,
        secretId: created.client.secrets[0]?.id,
        binding: null,
      },
      inForce: true,
      problem: null,
    });
    expect(response.body).not.toContain(token);
  });

  it('says why a text is no readable token, and does not repeat it', async () => {
    const response = await post('/tokens/inspection', { token: 'tlw_sbx_at_garbage' });
    expect(response.json()).toEqual({ readable: false, problem: expect.stringMatching(/\w/) });
    expect(response.body).not.toContain('garbage');
  });
});

describe('revoking a token', () => {
  it('ends it, tells whose it was, and never repeats it', async () => {
    const created = await createClient({ mtlsRequired: false });
    const token = await issueToken(created);
    const kept = await issueToken(created);
    const inForce = async (of: string) =>
      (await post('/tokens/inspection', { token: of })).json<{ inForce: boolean }>().inForce;
    const told = { clientId: created.client.id, tokenId: expect.stringMatching(/^[0-9a-f]{32}$/) };

    const response = await post('/tokens/revocation', { token });
    expect(response.json()).toEqual({ ...told, revoked: 'token' });
    expect(response.body).not.toContain(token);
    expect([await inForce(token), await inForce(kept)]).toEqual([false, true]);
    expect((await post('/tokens/revocation', { token })).json()).toEqual({ ...told, revoked: 'nothing' });
  });

  it('of what is no token changes nothing, says so and does not repeat it', async () => {
    const response = await post('/tokens/revocation', { token: 'tlw_sbx_at_garbage' });
    expect(response.json()).toMatchObject({ status: 404, code: 'token_unreadable' });
    expect(response.body).not.toContain('garbage');
  });
});

describe('explaining a refusal', () => {
  const traceId = '0123456789abcdef0123456789abcdef';

  it('finds a refusal that still waited to be written', async () => {
    management.refusals.record(
      {
        traceId,
        occurredAt: management.time.now,
        environment: 'sandbox',
        listener: 'api-mtls',
        method: 'GET',
        path: '/v1/authenticated/playground',
        correlationId: 'order-7',
        address: '127.0.0.1',
      },
      { refusal: 'token_bound_elsewhere', step: 'binding', expected: 'certificate A', seen: 'certificate B' },
    );
    expect((await get(`/refusals/${traceId}`)).json()).toMatchObject({
      traceId,
      code: 'token_bound_elsewhere',
      status: 401,
      error: 'invalid_token',
      correlationId: 'order-7',
      expected: 'certificate A',
      seen: 'certificate B',
      clientId: null,
    });
  });

  it('says why there may be none', async () => {
    const response = await get('/refusals/ffffffffffffffffffffffffffffffff');
    expectProblem(response, 404, 'refusal_unknown');
    expect(response.json<{ detail: string }>().detail).toMatch(/7 days/);
  });
});

describe('every route', () => {
  const other = '0'.repeat(32);

  it.each([
    ['GET', `/clients/cli_${other}`, 'client_unknown'],
    ['POST', `/clients/cli_${other}/revocation`, 'client_unknown'],
    ['POST', `/certificates/crt_${other}/revocation`, 'certificate_unknown'],
    ['GET', '/nothing', 'route_unknown'],
    ['DELETE', '/clients', 'route_unknown'],
  ] as const)('answers %s %s with 404 %s', async (method, url, code) => {
    expectProblem(await management.surface.inject({ method, url }), 404, code);
  });

  it.each([
    ['GET', `/clients/crt_${other}`],
    ['GET', "/clients/cli_'or'1'='1"],
    ['POST', `/clients/cli_${other.toUpperCase()}X/revocation`],
    ['POST', `/certificates/cli_${other}/revocation`],
    ['GET', '/refusals/..%2fstatus'],
    ['POST', '/tokens/inspection'],
    ['POST', '/tokens/revocation'],
  ] as const)('refuses %s %s by its shape', async (method, url) => {
    expectProblem(await management.surface.inject({ method, url }), 400, 'validation_failed');
  });

  it.each([
    ['a body that is not JSON', 'application/json', '{"token": tlw_sbx_at_x', 400, 'body_not_json'],
    ['a body of another type', 'text/plain', 'tlw_sbx_at_x', 415, 'media_type_unsupported'],
    ['a body of over 64 KiB', 'application/json', `"${'x'.repeat(64 * 1024)}"`, 413, 'body_too_large'],
  ])('refuses %s without repeating it', async (_case, type, payload, status, code) => {
    const headers = { 'content-type': type };
    const response = await management.surface.inject({ method: 'POST', url: '/tokens/inspection', headers, payload });
    expectProblem(response, status, code);
    expect(response.body).not.toContain('tlw_');
  });
});

describe('a fault', () => {
  it('is answered without its text, as unavailable where the database is away, and told to the owner', async () => {
    const broken = await openTestManagement();
    await broken.database.close();
    const response = await broken.surface.inject({ method: 'GET', url: '/clients' });
    expectProblem(response, 503, 'temporarily_unavailable');
    expect((await broken.surface.inject({ method: 'GET', url: '/status' })).json()).toMatchObject({
      clockSkewMs: null,
    });
    expect(broken.faults).toHaveLength(1);
    await broken.surface.close();
  });
});
