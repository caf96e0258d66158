// The routes of the management API about certificates: what they take, answer and refuse.

import { createHash, X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { createClientKeyAndCsr } from '../../certificates/index.js';
import { dumpOf } from '../../testing/capabilities.js';
import { openTestManagement, type TestManagement } from '../../testing/management.js';
import { expectProblem, requestsTo } from '../../testing/management-requests.js';
import type { addedCertificateSchema, certificateListSchema, platformChainSchema } from './schemas/certificates.js';

type AddedOnTheWire = z.input<typeof addedCertificateSchema>;
type ListOnTheWire = z.input<typeof certificateListSchema>;

const other = '0'.repeat(32);

let management: TestManagement;
beforeAll(async () => {
  management = await openTestManagement();
});
afterAll(() => management.close());

const { post, get, aClient, shown, expectInvalid, isoAfter } = requestsTo(() => management);

/** The lines of a PEM text that could give its content away. */
function innerLines(pem: string): string[] {
  return pem.split('\n').filter((line) => line.length > 10 && !line.includes('-----'));
}

describe('certificates', () => {
  const newRequest = async () => createClientKeyAndCsr({ organisation: 'Test Bank' });
  const issue = async (clientId: string, name = 'worker') =>
    post(`/clients/${clientId}/issued-certificates`, { name, csr: (await newRequest()).csrPem });
  const issued = async (clientId: string, name = 'worker') => (await issue(clientId, name)).json<AddedOnTheWire>();
  it('issued-certificates: answers the certificate and its chain, and lists it', async () => {
    const { clientId } = await aClient();
    const response = await issue(clientId, 'worker 2026');
    expect(response.statusCode).toBe(201);
    const { certificate, chainPem } = response.json<AddedOnTheWire>();
    expect(certificate).toMatchObject({
      clientId,
      environment: 'sandbox',
      name: 'worker 2026',
      origin: 'issued',
      state: 'in force',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      revokedAt: null,
    });
    expect(chainPem?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect((await shown(clientId)).certificates.map(({ id }) => id)).toEqual([certificate.id]);

    const one = (await get(`/certificates/${certificate.id}?quietSeconds=60`)).json<{ pem: string }>();
    expect(one).toMatchObject({
      certificate: {
        id: certificate.id,
        lastUsedAt: null,
        lastTriedAt: null,
        uses: [],
        retirement: { safeFrom: isoAfter(60_000), hasSuccessor: false },
      },
    });
    expect(chainPem?.startsWith(one.pem)).toBe(true);

    const list = async (query: string) =>
      (await get(`/certificates?clientId=${clientId}&${query}`)).json<ListOnTheWire>().certificates;
    expect(await list('environment=sandbox')).toMatchObject([
      { id: certificate.id, organisation: 'Test Bank', lastUsedAt: null, laterOne: false },
    ]);
    expect(await list('environment=production')).toEqual([]);
    expect(await list('endingWithinDays=364')).toEqual([]);
    expect(await list('endingWithinDays=366')).toHaveLength(1);
  });

  const upload = (clientId: string, certificate: string, name = 'pinned') =>
    post(`/clients/${clientId}/uploaded-certificates`, { name, certificate });

  it('uploaded-certificates: registers what somebody else made, without a chain to hand out', async () => {
    const { clientId } = await aClient();
    const pem = await management.aForeignCertificate();
    const response = await upload(clientId, pem);
    expect(response.statusCode).toBe(201);
    const { certificate, ...more } = response.json<AddedOnTheWire>();
    expect(more).toEqual({});
    expect(certificate).toMatchObject({
      clientId,
      origin: 'uploaded',
      state: 'in force',
      sha256: createHash('sha256').update(new X509Certificate(pem).raw).digest('hex'),
    });
    expect((await get(`/certificates/${certificate.id}`)).json()).toMatchObject({ pem });
  });

  it('uploaded-certificates: refuses one that is registered already, and says to whom as far as that is theirs to know', async () => {
    const [owner, another] = [await aClient(), await aClient()];
    const pem = await management.aForeignCertificate();
    const { certificate } = (await upload(owner.clientId, pem)).json<AddedOnTheWire>();
    expectProblem(await upload(owner.clientId, pem, 'again'), 409, 'certificate_registered', /this client already/);
    const elsewhere = await upload(another.clientId, pem);
    expectProblem(elsewhere, 409, 'certificate_registered_elsewhere', /another client/);
    expect(elsewhere.body).not.toContain(owner.clientId);
    await post(`/certificates/${certificate.id}/revocation`);
    expectProblem(await upload(owner.clientId, pem, 'once more'), 409, 'certificate_revoked_before', /revoked/);
    expectProblem(await upload(`cli_${other}`, pem), 404, 'client_unknown');
  });

  it('uploaded-certificates: refuses one that names another client, with what to do', async () => {
    const [one, another] = [await aClient(), await aClient()];
    const pem = await management.aForeignCertificate(another.clientId);
    expectProblem(await upload(one.clientId, pem), 422, 'certificate_rejected', /another subject/);
    expect((await upload(another.clientId, pem)).statusCode).toBe(201);
  });

  it('refuses a client that is unknown or revoked, and a name that the client had', async () => {
    const { clientId } = await aClient();
    expectProblem(await issue(`cli_${other}`), 404, 'client_unknown');
    await issued(clientId, 'same name');
    expectProblem(await issue(clientId, 'same name'), 409, 'certificate_name_taken', /same name/);
    await post(`/clients/${clientId}/revocation`);
    expectProblem(await issue(clientId), 409, 'client_revoked');
  });

  it('refuses the eleventh active one, and says to revoke one first', async () => {
    const { clientId } = await aClient();
    const { csrPem: csr } = await newRequest();
    const url = `/clients/${clientId}/issued-certificates`;
    for (let count = 1; count <= 10; count += 1) {
      expect((await post(url, { name: `certificate ${count}`, csr })).statusCode).toBe(201);
    }
    expectProblem(await post(url, { name: 'eleventh', csr }), 409, 'certificate_limit_reached', /Revoke one/);
  });

  it('revocation and pause: take effect at once and say what was done', async () => {
    const { clientId } = await aClient();
    const { certificate } = await issued(clientId);
    const url = `/certificates/${certificate.id}`;
    expect((await post(`${url}/pause`, { seconds: 60 })).json()).toEqual({ pausedUntil: isoAfter(60_000) });
    expect((await shown(clientId)).certificates[0]?.pausedUntil).toBe(isoAfter(60_000));
    expect((await post(`${url}/pause`, { seconds: 0 })).json()).toEqual({ pausedUntil: null });
    // Unused for a minute, which is longer than it exists.
    expectProblem(await post(`${url}/revocation`, { quietSeconds: 60 }), 409, 'still_used');
    management.time.now += 60_000;
    expect((await post(`${url}/revocation`, { quietSeconds: 60 })).json()).toEqual({ alreadyRevoked: false });
    expect((await post(`${url}/revocation`)).json()).toEqual({ alreadyRevoked: true });
    expect((await get(url)).json()).toMatchObject({ certificate: { state: 'revoked' } });
    expectProblem(await post(`${url}/pause`, { seconds: 60 }), 409, 'out_of_use', /revoked or over/);
  });

  it('revocation with quietSeconds: refused while it is used, with where from', async () => {
    const { clientId, secret } = await aClient();
    const { certificate } = await issued(clientId);
    const thumbprint = Buffer.from(certificate.sha256, 'hex').toString('base64url');
    const peer = { thumbprint, der: Buffer.alloc(0) };
    expect(await management.outcomeOf(clientId, secret, { peer, address: '192.0.2.8' })).toBe('token');
    expectProblem(
      await post(`/certificates/${certificate.id}/revocation`, { quietSeconds: 60 }),
      409,
      'still_used',
      new RegExp(`from 192.0.2.8 over certificate ${certificate.id}, .*safe from ${isoAfter(60_000)}`),
    );
    expect((await get(`/certificates/${certificate.id}`)).json()).toMatchObject({ certificate: { state: 'in force' } });
  });

  it('platform-chain: hands out what partners put in their trust store, of each environment', async () => {
    const chainOf = async (environment: string) =>
      (await get(`/environments/${environment}/platform-chain`)).json<z.input<typeof platformChainSchema>>();
    const [sandbox, production] = [await chainOf('sandbox'), await chainOf('production')];
    for (const { certificates } of [sandbox, production]) {
      expect(certificates[0]?.role).toBe('root');
      for (const { pem, sha256 } of certificates) expect(sha256).toBe(new X509Certificate(pem).fingerprint256);
    }
    expect(sandbox.certificates[0]?.pem).toBe(
      management.authorities.of('sandbox').platform(Date.now()).rootCertificatePem,
    );
    expect(production.certificates[0]?.pem).toBe(
      management.authorities.of('production').platform(Date.now()).rootCertificatePem,
    );
    await expectInvalid('GET', '/environments/staging/platform-chain');
  });

  it('answers 404 for an unknown certificate, and 400 for bad input, of every route', async () => {
    const { clientId } = await aClient();
    const { csrPem: csr } = await newRequest();
    const unknown = `/certificates/crt_${other}`;
    expectProblem(await get(unknown), 404, 'certificate_unknown');
    expectProblem(await post(`${unknown}/revocation`), 404, 'certificate_unknown');
    expectProblem(await post(`${unknown}/pause`, { seconds: 1 }), 404, 'certificate_unknown');
    await expectInvalid('GET', `/certificates/cli_${other}`);
    await expectInvalid('GET', '/certificates?endingWithinDays=367');
    await expectInvalid('GET', '/certificates?environment=staging');
    await expectInvalid('GET', '/certificates?client=x');
    await expectInvalid('GET', '/certificates?limit=0');
    await expectInvalid('GET', '/certificates?limit=1001');
    await expectInvalid('GET', `/certificates?after=cli_${other}`);
    await expectInvalid('GET', `${unknown}?quietSeconds=0`);
    await expectInvalid('POST', `${unknown}/pause`, { seconds: 3_601 });
    await expectInvalid('POST', `${unknown}/revocation`, { quietSeconds: 1.5 });
    await expectInvalid('POST', `/clients/${clientId}/issued-certificates`, { name: 'x' });
    await expectInvalid('POST', `/clients/${clientId}/issued-certificates`, { name: '\u202e', csr });
    await expectInvalid('POST', `/clients/${clientId}/uploaded-certificates`, { name: 'x', csr });
    await expectInvalid('POST', `/clients/crt_${other}/uploaded-certificates`, { name: 'x', certificate: csr });
    expect((await shown(clientId)).certificates).toEqual([]);
  });
});

describe('a private key that was pasted', () => {
  it('is refused at every place that takes PEM, called compromised, and is in no answer and no row', async () => {
    const { clientId } = await aClient();
    const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Test Bank' });
    const pastes = [
      keyPem,
      keyPem + csrPem,
      csrPem + keyPem,
      keyPem.replaceAll('\n', '\\n'),
      keyPem.replaceAll('\n', '\r\n').trim(),
      innerLines(keyPem).join(''),
    ];
    const answers: Awaited<ReturnType<typeof post>>[] = [];
    for (const [index, paste] of pastes.entries()) {
      const wish = { environment: 'sandbox', organisation: 'Test Bank', name: `pasted ${index}`, csr: paste };
      answers.push(await post('/clients', wish));
      answers.push(await post(`/clients/${clientId}/issued-certificates`, { name: 'x', csr: paste }));
      answers.push(await post(`/clients/${clientId}/uploaded-certificates`, { name: 'x', certificate: paste }));
    }
    for (const answer of answers) expect(answer.statusCode).toBe(422);
    for (const text of pastes) {
      const inspection = await post('/certificates/inspection', { text });
      expect(inspection.statusCode).toBe(200);
      answers.push(inspection);
    }
    const everything = await dumpOf(management.database);
    for (const answer of answers) {
      expect(answer.body).toMatch(/private key/);
      for (const line of innerLines(keyPem)) expect(answer.body).not.toContain(line.slice(0, 20));
    }
    for (const line of innerLines(keyPem)) expect(everything).not.toContain(line.slice(0, 20));
    const { certificates, secrets } = await shown(clientId);
    expect([certificates.length, secrets.length]).toEqual([0, 1]);
  });
});
