import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../platform/observability/log.js';
import { someTime } from '../testing/facts.js';
import { type Authority, createAuthority } from './certificate-authority.js';
import { createOwnExpiryNotices, listOwnCertificates, type OwnCertificate } from './own-expiry.js';
import { signServerCertificate } from './sign-server-certificate.js';

const dayMs = 86_400_000;

describe('the certificates of ours', () => {
  let partner: Authority;
  let platform: Authority;
  let listenerChain: string;
  beforeAll(async () => {
    partner = await createAuthority({ environment: 'sandbox', kind: 'partner', now: someTime });
    platform = await createAuthority({ environment: 'sandbox', kind: 'platform', now: someTime });
    const request = { authority: platform, hosts: ['localhost'], now: someTime };
    listenerChain = (await signServerCertificate(request)).chainPem;
  });
  const described = (kind: OwnCertificate['kind'], pem: string, brought = false) => {
    const { fingerprint256, validTo } = new X509Certificate(pem);
    const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
    return expect.objectContaining({ environment: 'sandbox', kind, brought, sha256, notAfter: Date.parse(validTo) });
  };

  test('are the authorities and what the listeners show, each once', () => {
    expect(listOwnCertificates('sandbox', { partner, platform }, listenerChain)).toEqual([
      described('partner_authority', partner.issuingCertificatePem),
      described('platform_authority', platform.rootCertificatePem),
      described('platform_authority', platform.issuingCertificatePem),
      described('listener', listenerChain),
    ]);
  });

  test('are also those above a brought partner authority', () => {
    const issuingChainPem = partner.issuingCertificatePem + partner.rootCertificatePem;
    const brought = { ...partner, issuingChainPem };
    expect(listOwnCertificates('sandbox', { partner: brought, platform }, listenerChain)).toEqual([
      described('partner_authority', partner.issuingCertificatePem, true),
      described('partner_authority', partner.rootCertificatePem, true),
      described('platform_authority', platform.rootCertificatePem),
      described('platform_authority', platform.issuingCertificatePem),
      described('listener', listenerChain),
    ]);
  });
});

describe('notices of certificates of ours', () => {
  const listener: OwnCertificate = {
    environment: 'production',
    kind: 'listener',
    brought: false,
    subject: 'CN=Tollward server',
    sha256: 'ab'.repeat(32),
    notAfter: someTime,
  };
  function watch(certificates: readonly OwnCertificate[]) {
    const lines: Record<string, unknown>[] = [];
    const { logger } = createLog('info', { write: (line) => void lines.push(JSON.parse(line)) });
    return { lines, announce: createOwnExpiryNotices(certificates, logger) };
  }

  test('are given once per threshold and certificate, and the last one as an error', () => {
    const { lines, announce } = watch([listener, { ...listener, kind: 'platform_authority' }]);
    for (const daysAhead of [31, 30, 29, 14, 13, 7, 1, 0.5, 0, -1]) announce(someTime - daysAhead * dayMs);
    const given = lines.filter(({ kind }) => kind === 'listener').map(({ level, daysLeft }) => [level, daysLeft]);
    expect(given).toEqual([
      ['warn', 30],
      ['warn', 14],
      ['warn', 7],
      ['warn', 1],
      ['error', 0],
    ]);
    expect(lines).toHaveLength(10);
  });

  test('name the certificate, its end and what to do', () => {
    const { lines, announce } = watch([listener]);
    announce(someTime - 6.5 * dayMs);
    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.any(String),
        environment: 'production',
        kind: 'listener',
        brought: false,
        subject: 'CN=Tollward server',
        sha256: 'ab'.repeat(32),
        notAfter: '2026-03-01T12:00:00.000Z',
        daysLeft: 7,
        msg: 'a certificate of ours ends soon: restart the server, which makes a new one',
      },
    ]);
  });

  test.each([
    ['listener', false, /restart the server, which makes a new one$/],
    ['platform_authority', false, /this version has no command that renews it/],
    ['partner_authority', false, /this version has no command that renews it.*TOLLWARD_PRODUCTION_PARTNER_CA_KEY/],
    ['partner_authority', true, /successor in TOLLWARD_PRODUCTION_PARTNER_CA_CERTIFICATE and .*_KEY and restart$/],
  ] as const)('say of a %s, brought %s, what can be done now', (kind, brought, remedy) => {
    const { lines, announce } = watch([{ ...listener, kind, brought }]);
    announce(someTime - dayMs);
    announce(someTime);
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringMatching(remedy), expect.stringMatching(remedy)]);
  });
});
