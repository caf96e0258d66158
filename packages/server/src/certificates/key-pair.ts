import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  readonly publicKeySpki: Buffer;
  readonly privateKeyPkcs8: Buffer;
}

export async function generateEcKeyPair(curve: 'P-256' | 'P-384'): Promise<KeyPair> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ec', { namedCurve: curve });
  return {
    publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
    privateKeyPkcs8: privateKey.export({ type: 'pkcs8', format: 'der' }),
  };
}

const curveNames: Readonly<Record<string, string>> = {
  prime256v1: 'ec-p256',
  secp384r1: 'ec-p384',
  secp521r1: 'ec-p521',
};

/** The kind and size of a key in one word: `rsa-2048`, `ec-p256`, `ed25519`. */
export function keyTypeOf(key: KeyObject): string {
  const kind = key.asymmetricKeyType ?? 'unknown';
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (kind === 'ec') return curveNames[namedCurve ?? ''] ?? `ec-${namedCurve ?? 'unnamed'}`;
  return modulusLength === undefined ? kind : `${kind}-${modulusLength}`;
}
