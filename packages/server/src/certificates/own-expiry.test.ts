import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { createLog } from '../platform/observability/log.js';
import { someTime } from '../testing/facts.js';
import type { AuthorityGeneration } from './authority-store.js';
import { createAuthority, type PartnerAuthority } from './certificate-authority.js';
import { createOwnExpiryNotices, listOwnCertificates, type OwnCertificate } from './own-expiry.js';
import { signServerCertificate } from './sign-server-certificate.js';

const dayMs = 86_400_000;

describe('the certificates of ours', () => {
  let partner: AuthorityGeneration;
  let platform: AuthorityGeneration;
  let listenerChain: string;
  beforeAll(async () => {
    partner = await aGeneration('partner');
    platform = await aGeneration('platform');
    const request = { authority: platform, hosts: ['localhost'], now: someTime };
    listenerChain = (await signServerCertificate(request)).chainPem;
  });
  const aGeneration = async (kind: 'partner' | 'platform'): Promise<AuthorityGeneration> => ({
    ...(await createAuthority({ environment: 'sandbox', kind, now: someTime })),
    ...{ environment: 'sandbox', kind, id: `aut_${kind}`, createdAt: someTime, activeFrom: someTime, endsAt: Infinity },
  });
  const list = (signer: PartnerAuthority, listener: { chainPem: string; brought: boolean }) => {
    const authorities = { partner: () => signer, platform: () => platform, published: () => [platform] };
    return listOwnCertificates('sandbox', authorities, listener, someTime);
  };
  const described = (kind: OwnCertificate['kind'], pem: string, brought = false) => {
    const { fingerprint256, validTo } = new X509Certificate(pem);
    const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
    return expect.objectContaining({ environment: 'sandbox', kind, brought, sha256, notAfter: Date.parse(validTo) });
  };

  test('are the authorities and what the listeners show, each once', () => {
    expect(list(partner, { chainPem: listenerChain, brought: false })).toEqual([
      described('partner_authority', partner.issuingCertificatePem),
      described('platform_authority', platform.rootCertificatePem),
      described('platform_authority', platform.issuingCertificatePem),
      described('listener', listenerChain),
    ]);
  });

  test('are also those above a brought partner authority', () => {
    const issuingChainPem = partner.issuingCertificatePem + partner.rootCertificatePem;
    const brought = { ...partner, issuingChainPem };
    expect(list(brought, { chainPem: listenerChain, brought: false })).toEqual([
      described('partner_authority', partner.issuingCertificatePem, true),
      described('partner_authority', partner.rootCertificatePem, true),
      described('platform_authority', platform.rootCertificatePem),
      described('platform_authority', platform.issuingCertificatePem),
      described('listener', listenerChain),
    ]);
  });

  test('are also those that the operator brought for the listeners, with those above them', () => {
    expect(list(partner, { chainPem: listenerChain, brought: true }).slice(3)).toEqual([
      described('listener', listenerChain, true),
      described('listener', platform.issuingCertificatePem, true),
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
    const announce = createOwnExpiryNotices(logger);
    return { lines, announce: (now: number) => announce(certificates, now) };
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
        msg: 'a certificate of ours ends soon: the server makes a new one by itself: look in this log for what keeps it from that',
      },
    ]);
  });

  test.each([
    ['listener', false, /the server makes a new one by itself/],
    ['listener', true, /successor into TOLLWARD_PRODUCTION_SERVER_CERTIFICATE and .*_KEY; .* without a restart$/],
    ['platform_authority', false, /"tollward keys rotate platform-ca", in time for partners to trust it first$/],
    ['partner_authority', false, /"tollward keys rotate partner-ca"$/],
    ['partner_authority', true, /successor in TOLLWARD_PRODUCTION_PARTNER_CA_CERTIFICATE and .*_KEY and restart$/],
  ] as const)('say of a %s, brought %s, what can be done now', (kind, brought, remedy) => {
    const { lines, announce } = watch([{ ...listener, kind, brought }]);
    announce(someTime - dayMs);
    announce(someTime);
    expect(lines.map(({ msg }) => msg)).toEqual([expect.stringMatching(remedy), expect.stringMatching(remedy)]);
  });
});
