// What is in a PKCS #12 file (RFC 7292 sections 4 and B.2), encrypted with what is in use today (RFC 8018 sections 5.2 and 6.2).
// Node would load one itself, but then it trusts every authority in it to vouch for servers.

import {
  createDecipheriv,
  createHash,
  createPrivateKey,
  type KeyObject,
  pbkdf2Sync,
  X509Certificate,
} from 'node:crypto';
import { type BerElement, nth, octetsOf, readBer } from './ber.js';

export interface Pkcs12Content {
  readonly keys: readonly KeyObject[];
  readonly certificates: readonly X509Certificate[];
}

const pkcs = '2a864886f70d01';
const ids = {
  data: `${pkcs}0701`,
  encryptedData: `${pkcs}0706`,
  keyBag: `${pkcs}0c0a0101`,
  shroudedKeyBag: `${pkcs}0c0a0102`,
  certificateBag: `${pkcs}0c0a0103`,
  passwordBasedTripleDes: `${pkcs}0c0103`,
  passwordBased2: `${pkcs}050d`,
};
const digests: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d0207', 'sha1'],
  ['2a864886f70d0209', 'sha256'],
  ['2a864886f70d020a', 'sha384'],
  ['2a864886f70d020b', 'sha512'],
]);
const ciphers: ReadonlyMap<string, { readonly name: string; readonly keyBytes: number }> = new Map([
  ['608648016503040102', { name: 'aes-128-cbc', keyBytes: 16 }],
  ['608648016503040116', { name: 'aes-192-cbc', keyBytes: 24 }],
  ['60864801650304012a', { name: 'aes-256-cbc', keyBytes: 32 }],
  ['2a864886f70d0307', { name: 'des-ede3-cbc', keyBytes: 24 }],
]);

/**
 * Its check value is not looked at.
 *
 * @throws Error of any kind when it is damaged, or encrypted with something else
 */
export function readPkcs12(pfx: Uint8Array, passphrase: string): Pkcs12Content {
  const [, authSafe] = readBer(nth(readBer(pfx), 0).content);
  if (authSafe === undefined) throw new Error('it has no content');
  const keys: KeyObject[] = [];
  const certificates: X509Certificate[] = [];
  for (const info of readBer(nth(readBer(contentOf(authSafe)), 0).content)) {
    for (const bag of readBer(nth(readBer(openInfo(info, passphrase)), 0).content)) {
      const [id, value] = idAndValue(bag);
      if (id === ids.keyBag) keys.push(toKey(value.content));
      if (id === ids.shroudedKeyBag) {
        const [algorithm, data] = readBer(nth(readBer(value.content), 0).content);
        keys.push(toKey(decrypt(algorithm, data, passphrase)));
      }
      if (id === ids.certificateBag) certificates.push(new X509Certificate(contentOf(nth(readBer(value.content), 0))));
    }
  }
  return { keys, certificates };
}

/** The bags of one part of the file. */
function openInfo(info: BerElement, passphrase: string): Uint8Array {
  const [id, value] = idAndValue(info);
  if (id === ids.data) return contentOf(info);
  if (id !== ids.encryptedData) throw new Error('a part of it is encrypted for a key');
  const [, encrypted] = readBer(nth(readBer(value.content), 0).content);
  const [, algorithm, data] = readBer(encrypted?.content ?? new Uint8Array());
  return decrypt(algorithm, data, passphrase);
}

/** As in `SEQUENCE { OBJECT IDENTIFIER, [0] EXPLICIT ... }`. */
function idAndValue({ content }: BerElement): readonly [string, BerElement] {
  const parts = readBer(content);
  return [idOf(nth(parts, 0)), nth(parts, 1)];
}

/** Where the value is an octet string. */
function contentOf(element: BerElement): Uint8Array {
  return octetsOf(nth(readBer(idAndValue(element)[1].content), 0));
}

function idOf({ content }: BerElement): string {
  return Buffer.from(content).toString('hex');
}

function toKey(der: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.from(der), format: 'der', type: 'pkcs8' });
}

function decrypt(algorithm: BerElement | undefined, data: BerElement | undefined, passphrase: string): Uint8Array {
  if (algorithm === undefined || data === undefined) throw new Error('there is nothing encrypted');
  const [id, parameters] = idAndValue(algorithm);
  const [first, second] = readBer(parameters.content);
  if (first === undefined || second === undefined) throw new Error('the encryption has no parameters');
  const bytes = octetsOf(data);
  if (id === ids.passwordBased2) return decryptPbes2(first, second, bytes, passphrase);
  if (id !== ids.passwordBasedTripleDes) throw new Error(`the encryption ${id} is not known`);
  const secret = Buffer.from(`${passphrase}\0`, 'utf16le').swap16();
  const derive = (purpose: 1 | 2, size: number) => deriveKey(secret, octetsOf(first), numberOf(second), purpose, size);
  return finish('des-ede3-cbc', derive(1, 24), derive(2, 8), bytes);
}

function decryptPbes2(derivation: BerElement, encryption: BerElement, bytes: Uint8Array, passphrase: string): Buffer {
  const [, pbkdf2] = idAndValue(derivation);
  const [salt, iterations, ...rest] = readBer(pbkdf2.content);
  const [cipherId, iv] = idAndValue(encryption);
  const cipher = ciphers.get(cipherId);
  // Behind the count there may be the length of the key, and the digest, which is SHA-1 when it is left out.
  const prf = rest.find(({ tag }) => tag === 0x30);
  const digest = prf === undefined ? 'sha1' : digests.get(idOf(nth(readBer(prf.content), 0)));
  if (salt === undefined || iterations === undefined || cipher === undefined || digest === undefined) {
    throw new Error('the encryption is not known');
  }
  const key = pbkdf2Sync(passphrase, octetsOf(salt), numberOf(iterations), cipher.keyBytes, digest);
  return finish(cipher.name, key, octetsOf(iv), bytes);
}

function finish(cipher: string, key: Uint8Array, iv: Uint8Array, bytes: Uint8Array): Buffer {
  const decipher = createDecipheriv(cipher, key, iv);
  return Buffer.concat([decipher.update(bytes), decipher.final()]);
}

function numberOf({ content }: BerElement): number {
  return content.reduce((value, byte) => value * 256 + byte, 0);
}

/** RFC 7292 appendix B.2 with SHA-1, whose blocks have 64 bytes. */
function deriveKey(secret: Uint8Array, salt: Uint8Array, iterations: number, purpose: number, size: number): Buffer {
  const blockBytes = 64;
  const filled = (bytes: Uint8Array) => Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes);
  const input = Buffer.concat([filled(salt), filled(secret)]);
  let derived = Buffer.alloc(0);
  while (derived.length < size) {
    let hash = createHash('sha1').update(Buffer.alloc(blockBytes, purpose)).update(input).digest();
    for (let round = 1; round < iterations; round += 1) hash = createHash('sha1').update(hash).digest();
    derived = Buffer.concat([derived, hash]);
    const summand = Buffer.alloc(blockBytes, hash);
    for (let start = 0; start < input.length; start += blockBytes)
      addOnePlus(input.subarray(start, start + blockBytes), summand);
  }
  return derived.subarray(0, size);
}

/** Big-endian, modulo its size. */
function addOnePlus(block: Buffer, summand: Buffer): void {
  let carry = 1;
  for (let at = block.length - 1; at >= 0; at -= 1) {
    const sum = block.readUInt8(at) + summand.readUInt8(at) + carry;
    block.writeUInt8(sum & 0xff, at);
    carry = sum >> 8;
  }
}
