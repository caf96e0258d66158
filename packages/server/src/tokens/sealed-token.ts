// Access tokens are sealed, not stored: `tlw_<sbx|prd>_at_<base64url>`, AES-256-GCM (NIST SP 800-38D) over compact
// claims. Clients must treat them as opaque. Issuing one writes no row, and no request waits for the database to read one.
//
//   base64url( key id (4) | nonce (12) | sealed claims | tag (16) ), with prefix and key id as additional data
//
// Claims, big endian: version 1 | kind | bound (0 or 1) | issued (6, ms) | expires (6, ms) | organisation generation (4) |
// client generation (4) | token id (16) | client id (16) | secret id (16) | and if bound: certificate id (16) | x5t#S256 (32)

import { type CipherGCM, createCipheriv, createDecipheriv } from 'node:crypto';
import { type Environment, environmentFromShortName, environmentShortName } from '@tollward/protocol';
import type { RandomBytes } from '../platform/random.js';
import type { TokenKey } from './token-keyring.js';

export interface CertificateBinding {
  readonly certificateId: string;
  /** Base64url SHA-256 of the certificate, the `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string;
}

/** What a token says about itself, with the generation of every authority it stands on that has one. */
export interface TokenClaims {
  readonly kind: 'client_credentials';
  /** 32 hex digits. */
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly organisationGeneration: number;
  readonly clientId: string;
  readonly clientGeneration: number;
  readonly secretId: string;
  /** Null for a token that was issued without a certificate. */
  readonly binding: CertificateBinding | null;
}

export type OpenedToken =
  | { readonly ok: true; readonly claims: TokenClaims }
  | { readonly ok: false; readonly problem: 'not-a-token' | 'unknown-key' | 'changed' }
  | { readonly ok: false; readonly problem: 'other-environment'; readonly environment: Environment };

const formatVersion = 1;
const clientCredentialsKind = 1;
const keyIdBytes = 4;
const nonceBytes = 12;
const tagBytes = 16;
const idsAt = 23;
const idBytes = 16;
const unboundBytes = idsAt + 3 * idBytes;
const thumbprintAt = unboundBytes + idBytes;
const boundBytes = thumbprintAt + 32;
const envelopeBytes = keyIdBytes + nonceBytes + tagBytes;
const tokenShape = /^tlw_(sbx|prd)_at_([A-Za-z0-9_-]+)$/;
const longestBody = Math.ceil(((envelopeBytes + boundBytes) * 4) / 3);

export function sealToken(environment: Environment, claims: TokenClaims, key: TokenKey, random: RandomBytes): string {
  const { cipher, nonce } = takeCipher(environment, key, random);
  const sealed = cipher.update(encodeClaims(claims));
  // GCM is a stream: final() brings no further bytes, but only after it is the tag there.
  cipher.final();
  const bytes = Buffer.allocUnsafe(envelopeBytes + sealed.length);
  bytes.set(key.idBytes, 0);
  bytes.set(nonce, keyIdBytes);
  bytes.set(sealed, keyIdBytes + nonceBytes);
  bytes.set(cipher.getAuthTag(), keyIdBytes + nonceBytes + sealed.length);
  return prefixes[environment] + bytes.toString('base64url');
}

interface ReadyCipher {
  readonly cipher: CipherGCM;
  readonly nonce: Buffer;
}

/** By environment too, because the environment is part of what they authenticate. */
const readyCiphers = {
  sandbox: new WeakMap<TokenKey, ReadyCipher[]>(),
  production: new WeakMap<TokenKey, ReadyCipher[]>(),
};
const ciphersAtOnce = 32;

/** Setting a cipher up costs most of sealing a token, and half of that when many are set up in a row. */
function takeCipher(environment: Environment, key: TokenKey, random: RandomBytes): ReadyCipher {
  const ready = readyCiphers[environment].get(key) ?? [];
  const first = ready.pop();
  if (first !== undefined) return first;
  readyCiphers[environment].set(key, ready);
  const associated = additionalData(environment, key);
  for (let count = 1; count < ciphersAtOnce; count += 1) ready.push(setUpCipher(key, associated, random));
  return setUpCipher(key, associated, random);
}

function setUpCipher(key: TokenKey, associated: Buffer, random: RandomBytes): ReadyCipher {
  const nonce = random(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: tagBytes });
  return { cipher: cipher.setAAD(associated), nonce };
}

/** Opens a token. The expiry is the caller's to judge: it takes a clock, and a reason of its own. */
export function unsealToken(
  environment: Environment,
  token: string,
  findKey: (keyId: string) => TokenKey | undefined,
): OpenedToken {
  const match = token.length > longestBody + 16 ? null : tokenShape.exec(token);
  const tokenEnvironment = environmentFromShortName(match?.[1] ?? '');
  if (match === null || tokenEnvironment === undefined) return { ok: false, problem: 'not-a-token' };
  if (tokenEnvironment !== environment)
    return { ok: false, problem: 'other-environment', environment: tokenEnvironment };
  const body = match[2] ?? '';
  const bytes = Buffer.from(body, 'base64url');
  // Node reads base64url with stray trailing bits; a token must have one spelling only.
  if (bytes.toString('base64url') !== body) return { ok: false, problem: 'not-a-token' };
  const claimsLength = bytes.length - envelopeBytes;
  if (claimsLength !== boundBytes && claimsLength !== unboundBytes) return { ok: false, problem: 'not-a-token' };

  const keyId = bytes.toString('hex', 0, keyIdBytes);
  const key = findKey(keyId);
  if (key === undefined) return { ok: false, problem: 'unknown-key' };
  const decipher = createDecipheriv('aes-256-gcm', key.secret, bytes.subarray(keyIdBytes, keyIdBytes + nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(additionalData(environment, key));
  decipher.setAuthTag(bytes.subarray(-tagBytes));
  const claimBytes = decipher.update(bytes.subarray(keyIdBytes + nonceBytes, -tagBytes));
  try {
    decipher.final();
  } catch {
    return { ok: false, problem: 'changed' };
  }
  const claims = decodeClaims(claimBytes);
  return claims === undefined ? { ok: false, problem: 'changed' } : { ok: true, claims };
}

const prefixes: Readonly<Record<Environment, string>> = {
  sandbox: `tlw_${environmentShortName('sandbox')}_at_`,
  production: `tlw_${environmentShortName('production')}_at_`,
};

const prefixBytes: Readonly<Record<Environment, Buffer>> = {
  sandbox: Buffer.from(prefixes.sandbox),
  production: Buffer.from(prefixes.production),
};

function additionalData(environment: Environment, key: TokenKey): Buffer {
  const prefix = prefixBytes[environment];
  const bytes = Buffer.allocUnsafe(prefix.length + keyIdBytes);
  bytes.set(prefix, 0);
  bytes.set(key.idBytes, prefix.length);
  return bytes;
}

/** The ids stand side by side, so that one conversion writes them all: conversions are what this function costs. */
function encodeClaims(claims: TokenClaims): Buffer {
  const { binding } = claims;
  const bytes = Buffer.allocUnsafe(binding === null ? unboundBytes : boundBytes);
  bytes[0] = formatVersion;
  bytes[1] = clientCredentialsKind;
  bytes[2] = binding === null ? 0 : 1;
  bytes.writeUIntBE(claims.issuedAt, 3, 6);
  bytes.writeUIntBE(claims.expiresAt, 9, 6);
  bytes.writeUInt32BE(claims.organisationGeneration, 15);
  bytes.writeUInt32BE(claims.clientGeneration, 19);
  const ids = claims.tokenId + withoutPrefix(claims.clientId) + withoutPrefix(claims.secretId);
  bytes.write(binding === null ? ids : ids + withoutPrefix(binding.certificateId), idsAt, 'hex');
  if (binding !== null) bytes.write(binding.thumbprint, thumbprintAt, 'base64url');
  return bytes;
}

function withoutPrefix(id: string): string {
  return id.slice(4);
}

/** Undefined when the sealed bytes are of a version or kind this program does not know. */
function decodeClaims(bytes: Buffer): TokenClaims | undefined {
  const bound = bytes.length === boundBytes;
  if (bytes[0] !== formatVersion || bytes[1] !== clientCredentialsKind || bytes[2] !== (bound ? 1 : 0))
    return undefined;
  const ids = bytes.toString('hex', idsAt, bound ? thumbprintAt : unboundBytes);
  const id = (position: number): string => ids.slice(position * 2 * idBytes, (position + 1) * 2 * idBytes);
  return {
    kind: 'client_credentials',
    tokenId: id(0),
    issuedAt: bytes.readUIntBE(3, 6),
    expiresAt: bytes.readUIntBE(9, 6),
    organisationGeneration: bytes.readUInt32BE(15),
    clientId: `cli_${id(1)}`,
    clientGeneration: bytes.readUInt32BE(19),
    secretId: `sec_${id(2)}`,
    binding: bound ? { certificateId: `crt_${id(3)}`, thumbprint: bytes.toString('base64url', thumbprintAt) } : null,
  };
}
