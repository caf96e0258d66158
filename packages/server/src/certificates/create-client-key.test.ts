import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decideCsr } from './certificate-request.js';
import { createClientKeyAndCsr } from './create-client-key.js';
import { clientKeyTypes } from './key-pair.js';
import { createOpenssl, type Openssl, opensslInstalled } from './openssl-for-tests.js';

describe.skipIf(!opensslInstalled)('a client key and its request, as openssl sees them', () => {
  let openssl: Openssl;
  beforeAll(() => {
    openssl = createOpenssl();
  });
  afterAll(() => openssl.dispose());

  const shown: Readonly<Record<string, RegExp>> = {
    'rsa-2048': /Private-Key: \(2048 bit.*publicExponent: 65537/s,
    'rsa-3072': /Private-Key: \(3072 bit.*publicExponent: 65537/s,
    'rsa-4096': /Private-Key: \(4096 bit.*publicExponent: 65537/s,
    'ec-p256': /NIST CURVE: P-256/,
    'ec-p384': /NIST CURVE: P-384/,
  };

  // Nobody knows beforehand how long the search for the primes of 4096 bits takes.
  it.each(clientKeyTypes)(
    'of type %s fit each other, and would be signed',
    async (keyType) => {
      const { keyPem, csrPem } = await createClientKeyAndCsr({ organisation: 'Example Bank', country: 'EE', keyType });
      openssl.write('ours.key', keyPem);
      openssl.write('ours.csr', csrPem);
      expect(openssl.run('pkey', '-in', 'ours.key', '-noout', '-text', '-check')).toMatch(shown[keyType] ?? /never/);
      expect(openssl.run('req', '-in', 'ours.csr', '-verify', '-noout', '-subject', '-nameopt', 'RFC2253')).toBe(
        'subject=O=Example Bank,C=EE\n',
      );
      expect(openssl.run('req', '-in', 'ours.csr', '-noout', '-pubkey')).toBe(
        openssl.run('pkey', '-in', 'ours.key', '-pubout'),
      );
      expect(await decideCsr(csrPem)).toMatchObject({ csr: { keyType, organisation: 'Example Bank', country: 'EE' } });
    },
    60_000,
  );

  it('are of P-256 when nothing else is wished', async () => {
    const { csrPem } = await createClientKeyAndCsr({ organisation: 'Example Bank' });
    expect(await decideCsr(csrPem)).toMatchObject({ csr: { keyType: 'ec-p256', country: undefined } });
  });
});
