import { generateEcKeyPair } from './key-pair.js';
import { encodePem } from './pem.js';
import { signRequest } from './x509.js';

export interface CreatedClientKey {
  /** PKCS #8. */
  readonly keyPem: string;
  readonly csrPem: string;
}

/** Makes a P-256 key and its certificate request. To be run where the key stays: it is never sent anywhere. */
export async function createClientKeyAndCsr({
  organisation,
}: {
  readonly organisation: string;
}): Promise<CreatedClientKey> {
  const keys = await generateEcKeyPair('P-256');
  const csr = await signRequest({ organisation }, keys);
  return {
    keyPem: encodePem('PRIVATE KEY', keys.privateKeyPkcs8),
    csrPem: encodePem('CERTIFICATE REQUEST', csr),
  };
}
