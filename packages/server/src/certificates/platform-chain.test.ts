import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EnvironmentAuthorities } from './authorities.js';
import type { AuthorityGeneration } from './authority-store.js';
import { createAuthority } from './certificate-authority.js';
import { createOpenssl, type Openssl, opensslInstalled } from './openssl-for-tests.js';
import { platformChain, platformRoots } from './platform-chain.js';
import { signServerCertificate } from './sign-server-certificate.js';

describe.skipIf(!opensslInstalled)('the platform chain of an environment', () => {
  let openssl: Openssl;
  let first: AuthorityGeneration;
  let next: AuthorityGeneration;
  let authorities: EnvironmentAuthorities;
  const now = Date.now();

  beforeAll(async () => {
    openssl = createOpenssl();
    const partner = await createAuthority({ environment: 'production', kind: 'partner', now });
    first = await aGeneration(now);
    next = await aGeneration(now + 1_000, 'of another day');
    authorities = { partner: () => partner, platform: () => first, published: () => [first, next] };
  });
  afterAll(() => openssl.dispose());

  const aGeneration = async (activeFrom: number, edition?: string): Promise<AuthorityGeneration> => ({
    ...(await createAuthority({ environment: 'production', kind: 'platform', edition, now })),
    ...{ environment: 'production', kind: 'platform', id: `aut_${activeFrom}`, createdAt: now, activeFrom, endsAt: 0 },
  });

  it('is described as openssl describes it', () => {
    for (const certificate of platformChain(authorities, now)) {
      const title = certificate.role === 'root' ? 'Root' : 'Issuing';
      const isFirst = certificate.usedFrom.getTime() === now;
      const edition = isFirst ? '' : ' of another day';
      expect(certificate.subject).toBe(`O=Tollward, CN=Tollward Production Platform ${title} CA${edition}`);
      openssl.write('one.pem', certificate.pem);
      expect(openssl.run('x509', '-in', 'one.pem', '-noout', '-fingerprint', '-sha256')).toBe(
        `sha256 Fingerprint=${certificate.sha256}\n`,
      );
      const end = openssl.run('x509', '-in', 'one.pem', '-noout', '-enddate').slice('notAfter='.length);
      expect(certificate.notAfter).toEqual(new Date(end));
    }
  });

  it('is what a partner needs to trust our listeners, and nothing of the partner authority', async () => {
    const { chainPem } = await signServerCertificate({
      authority: first,
      hosts: ['localhost'],
      now,
    });
    const chain = platformChain(authorities, now);
    expect(chain.map(({ role, pem }) => [role, pem])).toEqual([
      ['root', first.rootCertificatePem],
      ['issuing', first.issuingCertificatePem],
      ['root', next.rootCertificatePem],
      ['issuing', next.issuingCertificatePem],
    ]);
    openssl.write('trust.pem', chain.map(({ pem }) => pem).join(''));
    openssl.write('server.pem', chainPem);
    expect(openssl.run('verify', '-purpose', 'sslserver', '-CAfile', 'trust.pem', 'server.pem')).toBe(
      'server.pem: OK\n',
    );
  });

  it('goes into a trust store as its roots, with which listeners verify before and after the change', async () => {
    openssl.write('roots.pem', platformRoots(authorities, now));
    openssl.write('old-root.pem', first.rootCertificatePem);
    const verify = async (authority: AuthorityGeneration, roots: string): Promise<string> => {
      const { chainPem } = await signServerCertificate({ authority, hosts: ['localhost'], now });
      openssl.write('server.pem', chainPem);
      const purpose = ['-purpose', 'sslserver', '-x509_strict'];
      return openssl.run('verify', ...purpose, '-CAfile', roots, '-untrusted', 'server.pem', 'server.pem');
    };
    expect(await verify(first, 'roots.pem')).toBe('server.pem: OK\n');
    expect(await verify(next, 'roots.pem')).toBe('server.pem: OK\n');
    expect(await verify(first, 'old-root.pem')).toBe('server.pem: OK\n');
    await expect(verify(next, 'old-root.pem')).rejects.toThrow(/unable to get local issuer certificate/);
  });
});
