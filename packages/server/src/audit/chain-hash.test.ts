import { createHash, createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { expect, test } from 'vitest';
import { aKey, checkpointHashByHand, entryHashByHand, signedByHand, zeros } from './chain-for-tests.js';
import { hashCheckpoint, hashEntry, isSignedBy, openPublicKey, signCheckpoint } from './chain-hash.js';
import type { CheckpointLine } from './export-format.js';

const checkpoint: CheckpointLine = {
  type: 'checkpoint',
  number: 7,
  position: 300,
  entryHash: 'ab'.repeat(32),
  previousHash: 'cd'.repeat(32),
  signedAt: '2026-03-01T12:00:00.000Z',
  keyId: '',
  signature: '',
};

test('an entry is hashed with its place and the hash before it', () => {
  const entry = '[1,"aud_1","Zoë"]';
  const previous = '5f'.repeat(32);
  expect(hashEntry(Buffer.from(previous, 'hex'), 258, entry).toString('hex')).toBe(
    entryHashByHand(previous, 258, entry),
  );
  // printf 'tollward audit entry\0'; 32 zero bytes; 0000000000000001; 'x': through sha256sum.
  expect(hashEntry(Buffer.from(zeros, 'hex'), 1, 'x').toString('hex')).toBe(goldenHash);
});

const goldenHash = '7824b59d830b30a628e89e07dc357ee24503b1d9239c07065ec69201ff86f9b9';

test('a checkpoint is signed with Ed25519 over its canonical JSON, and hashed over the same bytes', () => {
  const key = aKey();
  const signed = signedByHand(checkpoint, key);
  expect(hashCheckpoint(signed)).toBe(checkpointHashByHand(signed));
  expect(signCheckpoint(signed, key.privateKey).toString('base64')).toBe(signed.signature);
  const opened = openPublicKey(key.id, Buffer.from(key.publicKey, 'base64'));
  expect(opened && isSignedBy(opened, signed, Buffer.from(signed.signature, 'base64'))).toBe(true);
  expect(opened && isSignedBy(opened, { ...signed, position: 301 }, Buffer.from(signed.signature, 'base64'))).toBe(
    false,
  );
});

test('a public key is opened only under its own fingerprint, and if it is of Ed25519', () => {
  const [key, other] = [aKey(), aKey()];
  expect(openPublicKey(other.id, Buffer.from(key.publicKey, 'base64'))).toBeUndefined();
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });
  expect(openPublicKey(createHash('sha256').update(ec).digest('hex'), ec)).toBeUndefined();
});

test('the signature is plain Ed25519, which any library verifies (RFC 8032)', () => {
  const key = aKey();
  const signed = signedByHand(checkpoint, key);
  const statement = `["tollward audit checkpoint",1,7,300,"${'ab'.repeat(32)}","${'cd'.repeat(32)}","2026-03-01T12:00:00.000Z","${key.id}"]`;
  const publicKey = createPublicKey({ key: Buffer.from(key.publicKey, 'base64'), format: 'der', type: 'spki' });
  const signature = signCheckpoint(signed, key.privateKey);
  expect(verify(null, Buffer.from(statement), publicKey, signature)).toBe(true);
});
