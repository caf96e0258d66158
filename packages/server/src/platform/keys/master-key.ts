// The master key seals private keys and seeds at rest: AES-256-GCM (NIST SP 800-38D) with 96 random nonce bits and the
// place of the value as additional data, so that a sealed value copied to another row, table or environment does not open.
//
// Sealed form: version (1 byte) | master key id (4) | nonce (12) | ciphertext | tag (16).
//
// Two may be configured, so that one can take the place of the other while every node keeps running: the main one seals,
// and both open.

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
  /** 8 hex digits that tell master keys apart and say nothing else about them. */
  readonly id: string;
  /** The one that only opens; null when none is configured. */
  readonly otherId: string | null;
  seal(plaintext: Buffer, place: SealedPlace): Buffer;
  /** @throws MasterKeyError when a master key sealed it that is not configured, or it was changed or moved */
  open(sealed: Buffer, place: SealedPlace): Buffer;
  /** The same value sealed by the main key; undefined when that one sealed it already. Throws as `open` does. */
  reseal(sealed: Buffer, place: SealedPlace): Buffer | undefined;
}

export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

export const masterKeyBytes = 32;
const formatVersion = 1;
const headerBytes = 5;
const nonceBytes = 12;
const tagBytes = 16;

/**
 * @param other opens what it sealed, and seals nothing
 * @throws MasterKeyError when a text is not 32 bytes in base64, or both are the same key
 */
export function createMasterKey(main: SecretValue, other?: SecretValue): MasterKey {
  const mainKey = parseMasterKey(main, 'The master key');
  const otherKey = other === undefined ? undefined : parseMasterKey(other, 'The other master key');
  if (mainKey.id === otherKey?.id) {
    throw new MasterKeyError('The master key and the other master key are the same one. Leave the other one out.');
  }
  const keys = otherKey === undefined ? [mainKey] : [mainKey, otherKey];
  const ids = { id: mainKey.id, otherId: otherKey?.id ?? null };
  const openAny = (sealed: Buffer, place: SealedPlace): Buffer => {
    const where = `${place.table} ${place.row} (${place.environment})`;
    const sealedBy = readHeader(sealed, where);
    const key = keys.find(({ id }) => id === sealedBy);
    if (key === undefined) throw sealedByAnother(where, sealedBy, ids);
    return open(key.secret, sealed, place, where);
  };
  return {
    ...ids,
    seal: (plaintext, place) => seal(mainKey, plaintext, place),
    open: openAny,
    reseal: (sealed, place) => {
      const plaintext = openAny(sealed, place);
      return sealedByKey(sealed) === mainKey.id ? undefined : seal(mainKey, plaintext, place);
    },
  };
}

export interface ParsedMasterKey {
  readonly id: string;
  readonly secret: KeyObject;
}

/** @throws MasterKeyError when the text is not 32 bytes in base64 */
export function parseMasterKey(base64: SecretValue, what: string): ParsedMasterKey {
  const raw = Buffer.from(base64.reveal().trim(), 'base64');
  if (raw.length !== masterKeyBytes || raw.toString('base64') !== base64.reveal().trim()) {
    throw new MasterKeyError(`${what} must be 32 bytes in base64, as "openssl rand -base64 32" prints them.`);
  }
  const id = createHash('sha256').update('tollward master key id').update(raw).digest().toString('hex', 0, 4);
  return { id, secret: createSecretKey(raw) };
}

function seal({ id, secret }: ParsedMasterKey, plaintext: Buffer, place: SealedPlace): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(place));
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.of(formatVersion), Buffer.from(id, 'hex'), nonce, ciphertext, cipher.getAuthTag()]);
}

/** The id of the master key that sealed it, by its own account. */
function readHeader(sealed: Buffer, where: string): string {
  if (sealed.length < headerBytes + nonceBytes + tagBytes || sealed[0] !== formatVersion) {
    throw new MasterKeyError(`The sealed value of ${where} is damaged or of an unknown format.`);
  }
  return sealedByKey(sealed);
}

function sealedByKey(sealed: Buffer): string {
  return sealed.toString('hex', 1, headerBytes);
}

type KeyIds = Pick<MasterKey, 'id' | 'otherId'>;

function sealedByAnother(where: string, sealedBy: string, configured: KeyIds): MasterKeyError {
  return new MasterKeyError(
    `The value of ${where} was sealed by master key ${sealedBy}, ${describeConfigured(configured)}. ` +
      'Configure the master key this data was made with.',
  );
}

export function describeConfigured({ id, otherId }: KeyIds): string {
  return otherId === null ? `the one configured is ${id}` : `those configured are ${id} and ${otherId}`;
}

function open(secret: KeyObject, sealed: Buffer, place: SealedPlace, where: string): Buffer {
  const nonce = sealed.subarray(headerBytes, headerBytes + nonceBytes);
  const decipher = createDecipheriv('aes-256-gcm', secret, nonce, { authTagLength: tagBytes });
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
