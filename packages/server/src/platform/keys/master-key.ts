// The master key seals private keys and seeds at rest: AES-256-GCM (NIST SP 800-38D) with 96 random nonce bits and the
// place of the value as additional data, so that a sealed value copied to another row, table or environment does not open.
//
// Sealed form: version (1 byte) | master key id (4) | nonce (12) | ciphertext | tag (16).

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { SecretValue } from '../secret-value.js';

export interface SealedPlace {
  readonly environment: string;
  readonly table: string;
  readonly row: string;
}

export interface MasterKey {
  seal(plaintext: Buffer, place: SealedPlace): Buffer;
  /** @throws MasterKeyError when another master key sealed it, or it was changed or moved */
  open(sealed: Buffer, place: SealedPlace): Buffer;
}

export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

export const masterKeyBytes = 32;
const formatVersion = 1;
const headerBytes = 5;
const nonceBytes = 12;
const tagBytes = 16;

/** @throws MasterKeyError when the text is not 32 bytes in base64 */
export function createMasterKey(base64: SecretValue): MasterKey {
  const raw = Buffer.from(base64.reveal().trim(), 'base64');
  if (raw.length !== masterKeyBytes || raw.toString('base64') !== base64.reveal().trim()) {
    throw new MasterKeyError('The master key must be 32 bytes in base64, as "openssl rand -base64 32" prints them.');
  }
  const key = createSecretKey(raw);
  const keyId = createHash('sha256').update('tollward master key id').update(raw).digest().subarray(0, 4);
  return {
    seal: (plaintext, place) => seal(key, keyId, plaintext, place),
    open: (sealed, place) => open(key, keyId, sealed, place),
  };
}

function seal(key: KeyObject, keyId: Buffer, plaintext: Buffer, place: SealedPlace): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(place));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.of(formatVersion), keyId, nonce, ciphertext, cipher.getAuthTag()]);
}

function open(key: KeyObject, keyId: Buffer, sealed: Buffer, place: SealedPlace): Buffer {
  const where = `${place.table} ${place.row} (${place.environment})`;
  if (sealed.length < headerBytes + nonceBytes + tagBytes || sealed[0] !== formatVersion) {
    throw new MasterKeyError(`The sealed value of ${where} is damaged or of an unknown format.`);
  }
  const sealedBy = sealed.subarray(1, headerBytes);
  if (!sealedBy.equals(keyId)) {
    throw new MasterKeyError(
      `The value of ${where} was sealed by master key ${sealedBy.toString('hex')}, the one configured is ` +
        `${keyId.toString('hex')}. Configure the master key this data was made with.`,
    );
  }
  const nonce = sealed.subarray(headerBytes, headerBytes + nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes });
  decipher.setAAD(additionalData(place));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(headerBytes + nonceBytes, -tagBytes)), decipher.final()]);
  } catch {
    throw new MasterKeyError(`The sealed value of ${where} was changed or moved from another place.`);
  }
}

function additionalData(place: SealedPlace): Buffer {
  return Buffer.from(JSON.stringify(['tollward sealed value', place.environment, place.table, place.row]));
}
