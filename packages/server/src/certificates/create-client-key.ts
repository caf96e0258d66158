import { encodePem } from '@tollward/protocol/pem';
import { type ClientKeyType, createKeyPair } from './key-pair.js';
import { signRequest } from './x509.js';

export interface ClientKeyWish {
  readonly organisation: string;
  /** Two capital letters. */
  readonly country?: string | undefined;
  readonly keyType?: ClientKeyType | undefined;
}

export interface CreatedClientKey {
  /** PKCS #8. */
  readonly keyPem: string;
  readonly csrPem: string;
}

/** Makes a key and its certificate request. To be run where the key stays: it is never sent anywhere. */
export async function createClientKeyAndCsr({
  organisation,
  country,
  keyType = 'ec-p256',
}: ClientKeyWish): Promise<CreatedClientKey> {
  const keys = await createKeyPair(keyType);
  const csr = await signRequest({ country, organisation }, keys);
  return {
    keyPem: encodePem('PRIVATE KEY', keys.privateKeyPkcs8),
    csrPem: encodePem('CERTIFICATE REQUEST', csr),
  };
}
