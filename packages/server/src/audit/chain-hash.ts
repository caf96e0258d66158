// What is hashed and signed. SHA-256 (FIPS 180-4) links, Ed25519 (RFC 8032 section 5.1) signs. Every kind of input begins with
// a name of its own, so that nothing made for one purpose is good for another. docs/adr/0027 has the same in words.

import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** Before the first entry, and before the first checkpoint. */
export const noHash = Buffer.alloc(32);

/** Only the entry varies in length, and it stands last: no two inputs give the same bytes. */
export function hashEntry(previousHash: Uint8Array, position: number, entry: string | Uint8Array): Buffer {
  const place = Buffer.alloc(8);
  place.writeBigUInt64BE(BigInt(position));
  return createHash('sha256')
    .update('tollward audit entry\0')
    .update(previousHash)
    .update(place)
    .update(entry)
    .digest();
}

/** The signed part of a checkpoint; hashes and ids in hexadecimal. */
export interface CheckpointStatement {
  readonly number: number;
  /** The last entry it covers, 0 for none. */
  readonly position: number;
  readonly entryHash: string;
  readonly previousHash: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly signedAt: string;
  readonly keyId: string;
}

function signedBytes(statement: CheckpointStatement): Buffer {
  const { number, position, entryHash, previousHash, signedAt, keyId } = statement;
  return Buffer.from(
    JSON.stringify(['tollward audit checkpoint', 1, number, position, entryHash, previousHash, signedAt, keyId]),
  );
}

/** What the next checkpoint names as its predecessor, and what an operator notes elsewhere. */
export function hashCheckpoint(statement: CheckpointStatement): string {
  return createHash('sha256').update(signedBytes(statement)).digest('hex');
}

export function signCheckpoint(statement: CheckpointStatement, privateKey: KeyObject): Buffer {
  return sign(null, signedBytes(statement), privateKey);
}

export function isSignedBy(publicKey: KeyObject, statement: CheckpointStatement, signature: Uint8Array): boolean {
  return verify(null, signedBytes(statement), publicKey, signature);
}

/** The key before says which key follows it. Without this, whoever can write audit entries could announce a key of their own. */
export function signSuccessor(keyId: string, privateKey: KeyObject): Buffer {
  return sign(null, successorBytes(keyId), privateKey);
}

export function isSuccessor(publicKey: KeyObject, keyId: string, signature: Uint8Array): boolean {
  return verify(null, successorBytes(keyId), publicKey, signature);
}

function successorBytes(keyId: string): Buffer {
  return Buffer.from(JSON.stringify(['tollward audit key', 1, keyId]));
}

/** The id of a key: SHA-256 of its SubjectPublicKeyInfo, in hexadecimal. */
export function fingerprintOf(publicKeyDer: Uint8Array): string {
  return createHash('sha256').update(publicKeyDer).digest('hex');
}

/** The key, if these bytes are an Ed25519 key of this id. */
export function openPublicKey(id: string, publicKeyDer: Buffer): KeyObject | undefined {
  if (fingerprintOf(publicKeyDer) !== id) return undefined;
  try {
    const key = createPublicKey({ key: publicKeyDer, format: 'der', type: 'spki' });
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}
