import { X509Certificate } from 'node:crypto';
import {
  aClient,
  addCertificate,
  type ClientIdentity,
  describeOnEachEngine,
  giveExpiryNotices,
  identityOf,
  requestToken,
  startTestServer,
  type TestServer,
} from '@tollward/server/testing';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { openConnection } from './support/connection.js';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

function endOf(pem: string): number {
  return Date.parse(new X509Certificate(pem).validTo);
}

async function serverOn(database: TestServer['core']['database']): Promise<TestServer> {
  const server = await startTestServer({ database });
  onTestFinished(() => server.stop());
  return server;
}

/** As if it had been registered long ago. */
async function moveEnd({ core }: TestServer, { certificateId }: ClientIdentity, end: number): Promise<void> {
  await core.database.transaction((tx) =>
    tx
      .updateTable('certificates')
      .set({ not_after: new Date(end) })
      .where('id', '=', certificateId)
      .execute(),
  );
}

function linesAbout(server: TestServer, { certificateId }: ClientIdentity): unknown[] {
  return server.logLines.filter((line) => line.includes(certificateId)).map((line) => JSON.parse(line) as unknown);
}

async function figuresOf(server: TestServer, name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${server.operationsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`));
  return new Map(lines.map((line) => [line.slice(name.length, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

afterEach(() => {
  vi.useRealTimers();
});

describeOnEachEngine('the expiry of certificates', (open) => {
  test('[EXP-1] notices at each threshold once', async () => {
    const server = await serverOn(await open());
    const identity = identityOf(await aClient(server));
    const end = endOf(identity.cert);
    const given: unknown[] = [];
    for (let hoursLeft = 31 * 24; hoursLeft > -24; hoursLeft -= 24) {
      server.time.now = end - hoursLeft * hourMs;
      for (const { certificateId, daysLeft } of await giveExpiryNotices(server)) {
        given.push([certificateId, daysLeft, hoursLeft]);
      }
    }
    const { certificateId } = identity;
    expect(given).toEqual([30, 14, 7, 1, 0].map((days) => [certificateId, days, days * 24]));
  });

  test('[EXP-2] not again after a restart', async () => {
    const database = await open();
    const first = await serverOn(database);
    const identity = identityOf(await aClient(first));
    first.time.now = endOf(identity.cert) - 10 * dayMs;
    expect(await giveExpiryNotices(first)).toHaveLength(1);

    const second = await serverOn(database);
    second.time.now = first.time.now + hourMs;
    expect(await giveExpiryNotices(second)).toEqual([]);
    second.time.now = first.time.now + 4 * dayMs;
    expect(await giveExpiryNotices(second)).toHaveLength(1);
  });

  test('[EXP-3] metrics name the soonest end', async () => {
    const database = await open();
    const before = await serverOn(database);
    const [soon, later] = [await aClient(before), await aClient(before)];
    const start = Date.now();
    await moveEnd(before, identityOf(soon), start + 10 * dayMs);
    await moveEnd(before, identityOf(later), start + 20 * dayMs);

    const server = await serverOn(database);
    const ends = await vi.waitFor(async () => {
      const figures = await figuresOf(server, 'certificate_not_after_timestamp_seconds');
      expect(figures.size).toBeGreaterThan(0);
      return figures;
    });
    expect(ends.get('{environment="sandbox",kind="client"}')).toBe((start + 10 * dayMs) / 1_000);
    expect(ends.has('{environment="production",kind="client"}'), 'no client there').toBe(false);
    for (const environment of ['sandbox', 'production'] as const) {
      const socket = await openConnection(server, { environment });
      const shown = socket.getPeerX509Certificate();
      const listener = Date.parse(shown?.validTo ?? '');
      const issuer = Date.parse(shown?.issuerCertificate?.validTo ?? '');
      socket.destroy();
      expect(ends.get(`{environment="${environment}",kind="listener"}`)).toBe(listener / 1_000);
      expect(ends.get(`{environment="${environment}",kind="platform_authority"}`)).toBe(issuer / 1_000);
      const partner = endOf(server.core.authorities.of(environment).partner(server.time.now).issuingCertificatePem);
      expect(ends.get(`{environment="${environment}",kind="partner_authority"}`)).toBe(partner / 1_000);
    }

    const expiring = await figuresOf(server, 'certificates_expiring');
    const counts = [30, 14, 7, 1].map((days) => expiring.get(`{environment="sandbox",days="${days}"}`));
    expect(counts).toEqual([2, 1, 0, 0]);
    expect(expiring.get('{environment="production",days="30"}')).toBe(0);
  });

  test('[EXP-4] the notice says who used it last and whether the client has a later one', async () => {
    const server = await serverOn(await open());
    const client = await aClient(server);
    const identity = identityOf(client);
    const usedAt = server.time.now;
    expect((await requestToken(server, client)).status).toBe(200);
    const end = usedAt + 14 * dayMs;
    await moveEnd(server, identity, end);

    const shown = {
      environment: 'sandbox',
      clientId: client.clientId,
      clientName: expect.stringMatching(/^client /),
      organisation: expect.stringMatching(/^client /),
      certificateId: identity.certificateId,
      name: expect.any(String),
      notAfter: new Date(end).toISOString(),
      lastUsedAt: new Date(usedAt).toISOString(),
      lastUsedFrom: expect.stringMatching(/127\.0\.0\.1|::1/),
    };
    expect(await giveExpiryNotices(server)).toEqual([
      expect.objectContaining({ ...shown, level: 'warn', daysLeft: 14, laterOne: false }),
    ]);

    await addCertificate(server, client);
    server.time.now = end - 7 * dayMs - 1;
    expect(await giveExpiryNotices(server)).toEqual([]);
    server.time.now = end - 6 * dayMs;
    expect(await giveExpiryNotices(server)).toEqual([
      expect.objectContaining({ ...shown, level: 'info', daysLeft: 6, laterOne: true }),
    ]);
  });

  test('[EXP-1] the running program gives them at its start and every hour', async () => {
    const database = await open();
    const before = await serverOn(database);
    const identity = identityOf(await aClient(before));
    await moveEnd(before, identity, Date.now() + 10 * dayMs);

    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const server = await serverOn(database);
    await vi.waitFor(() => expect(linesAbout(server, identity)).toEqual([expect.objectContaining({ daysLeft: 10 })]));
    server.time.now += 4 * dayMs;
    vi.advanceTimersByTime(hourMs);
    await vi.waitFor(() => expect(linesAbout(server, identity)).toHaveLength(2));
    expect(linesAbout(server, identity)[1]).toMatchObject({ level: 'warn', daysLeft: 6 });
  });
});
