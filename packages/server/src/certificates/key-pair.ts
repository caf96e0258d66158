import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export interface KeyPair {
  readonly publicKeySpki: Buffer;
  readonly privateKeyPkcs8: Buffer;
}

/** The keys a client may have. */
export const clientKeyTypes = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384'] as const;
export type ClientKeyType = (typeof clientKeyTypes)[number];

export async function createKeyPair(keyType: ClientKeyType): Promise<KeyPair> {
  const { publicKey, privateKey } = keyType.startsWith('rsa-')
    ? await promisify(generateKeyPair)('rsa', { modulusLength: Number(keyType.slice('rsa-'.length)) })
    : await promisify(generateKeyPair)('ec', { namedCurve: keyType === 'ec-p384' ? 'P-384' : 'P-256' });
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

/** Whether a client may have this public key: RSA of three sizes with the exponent 65537, or EC on named P-256 or P-384. */
export function isAcceptedKey(key: KeyObject): boolean {
  const keyType = keyTypeOf(key);
  if (!clientKeyTypes.some((accepted) => accepted === keyType)) return false;
  return key.asymmetricKeyType === 'ec' ? namesItsCurve(key) : key.asymmetricKeyDetails?.publicExponent === 65_537n;
}

/** RFC 5480 section 2.1.1: id-ecPublicKey with the object identifier of secp256r1 or secp384r1. */
const namedCurveAlgorithms = [
  Buffer.from('301306072a8648ce3d020106082a8648ce3d030107', 'hex'),
  Buffer.from('301006072a8648ce3d020106052b81040022', 'hex'),
];

/** Node gives a curve its name even when the key writes all its parameters out, which RFC 5480 forbids. */
export function namesItsCurve(key: KeyObject): boolean {
  // Behind the head of the outer sequence, two bytes for keys of these sizes.
  const spki = key.export({ type: 'spki', format: 'der' }).subarray(2);
  return namedCurveAlgorithms.some((algorithm) => spki.subarray(0, algorithm.length).equals(algorithm));
}
