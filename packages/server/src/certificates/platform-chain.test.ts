import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authorities } from './authority-store.js';
import { createAuthority } from './certificate-authority.js';
import { createOpenssl, type Openssl, opensslInstalled } from './openssl-for-tests.js';
import { platformChain } from './platform-chain.js';
import { signServerCertificate } from './sign-server-certificate.js';

describe.skipIf(!opensslInstalled)('the platform chain of an environment', () => {
  let openssl: Openssl;
  let authorities: Authorities;
  const now = Date.now();

  beforeAll(async () => {
    openssl = createOpenssl();
    const of = async (environment: 'sandbox' | 'production') => ({
      partner: await createAuthority({ environment, kind: 'partner', now }),
      platform: await createAuthority({ environment, kind: 'platform', now }),
    });
    authorities = { sandbox: await of('sandbox'), production: await of('production') };
  });
  afterAll(() => openssl.dispose());

  it('is described as openssl describes it', () => {
    for (const certificate of platformChain(authorities, 'production')) {
      const title = certificate.role === 'root' ? 'Root' : 'Issuing';
      expect(certificate.subject).toBe(`O=Tollward, CN=Tollward Production Platform ${title} CA`);
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
      authority: authorities.sandbox.platform,
      hosts: ['localhost'],
      now,
    });
    const [root, issuing, ...more] = platformChain(authorities, 'sandbox');
    expect([root?.role, issuing?.role, more]).toEqual(['root', 'issuing', []]);
    openssl.write('trust.pem', `${root?.pem}${issuing?.pem}`);
    openssl.write('server.pem', chainPem);
    expect(openssl.run('verify', '-purpose', 'sslserver', '-CAfile', 'trust.pem', 'server.pem')).toBe(
      'server.pem: OK\n',
    );
  });
});
