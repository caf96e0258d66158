import { describe, expect, it } from 'vitest';
import { judgeEndingCertificates } from './doctor-certificates.js';

const now = Date.parse('2026-03-01T12:00:00.000Z');
const dayMs = 86_400_000;

type Ending = Parameters<typeof judgeEndingCertificates>[0]['certificates'][number];

function ending(daysLeft: number, changes: Partial<Ending> = {}): Ending {
  return {
    id: `crt_${'1'.repeat(32)}`,
    environment: 'production',
    clientId: `cli_${'1'.repeat(32)}`,
    clientName: 'worker',
    organisation: 'Test Bank',
    name: 'first',
    origin: 'issued',
    state: 'in force',
    sha256: 'ab'.repeat(32),
    subject: 'O=Test Bank',
    issuer: 'CN=Issuer',
    serialNumber: '0A',
    keyType: 'ec-p256',
    notBefore: new Date(now - 300 * dayMs),
    notAfter: new Date(now + daysLeft * dayMs),
    pausedUntil: null,
    revokedAt: null,
    lastUsedAt: new Date(now - 60_000),
    lastUsedFrom: '192.0.2.1',
    usesKnownSince: new Date(now - 300 * dayMs),
    laterOne: false,
    ...changes,
  };
}

const judge = (...certificates: Ending[]) => judgeEndingCertificates({ certificates, next: null }, now);

describe('doctor, certificates of clients', () => {
  it('has one good line when none ends soon', () => {
    expect(judge()).toEqual([{ name: 'client certificates', result: 'ok', detail: 'none ends within 30 days' }]);
  });

  it.each([
    [29, 'warn'],
    [7, 'warn'],
    [6.99, 'fail'],
    [0.5, 'fail'],
  ])('judges one that ends in %d days as %s', (daysLeft, result) => {
    expect(judge(ending(daysLeft))).toMatchObject([{ result }]);
  });

  it('says whose it is, when it ends, who uses it and which command renews it', () => {
    const [check] = judge(ending(3));
    expect(check?.detail).toContain(`crt_${'1'.repeat(32)} of worker of Test Bank (production)`);
    expect(check?.detail).toContain('2026-03-04T12:00:00.000Z');
    expect(check?.detail).toContain('from 192.0.2.1');
    expect(check?.remedy).toContain(`tollward certs issue cli_${'1'.repeat(32)}`);
    expect(judge(ending(3, { origin: 'uploaded' }))[0]?.remedy).toContain('tollward certs upload');
  });

  it('is content with one that was not used for 7 days while there is a later one', () => {
    const lastUsedDaysAgo = (days: number) => ({ laterOne: true, lastUsedAt: new Date(now - days * dayMs) });
    expect(judge(ending(1, lastUsedDaysAgo(7)))).toMatchObject([
      { result: 'ok', remedy: expect.stringContaining('tollward clients show') },
    ]);
    expect(judge(ending(1, lastUsedDaysAgo(6.99)))).toMatchObject([{ result: 'fail' }]);
    expect(judge(ending(1, { lastUsedAt: null }))).toMatchObject([{ result: 'fail' }]);
  });

  it('names the ten that end first, and counts the others by the worst of them', () => {
    const many = Array.from({ length: 12 }, (_, index) => ending(9 + index, { id: `crt_${index}` }));
    const checks = judge(...many);
    expect(checks).toHaveLength(11);
    expect(checks[0]?.detail).toContain('crt_0 ');
    expect(checks[10]).toMatchObject({ result: 'warn', detail: '2 more end within 30 days' });
    expect(judge(...many.slice(0, 10))).toHaveLength(10);
    const quiet = { laterOne: true, lastUsedAt: null };
    const urgentLast = [...many.slice(0, 10), ending(9, quiet), ending(3)];
    expect(judge(...urgentLast)[10]).toMatchObject({ result: 'fail' });
    expect(judge(...many.slice(0, 10), ending(9, quiet))[10]).toMatchObject({ result: 'ok' });
  });

  it('says it when there are more than it was told of', () => {
    const certificates = Array.from({ length: 12 }, () => ending(20));
    const checks = judgeEndingCertificates({ certificates, next: `crt_${'1'.repeat(32)}` }, now);
    expect(checks[10]?.detail).toBe('at least 2 more end within 30 days');
  });
});
