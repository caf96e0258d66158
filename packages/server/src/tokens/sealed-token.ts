// Access tokens are sealed, not stored: `tlw_<sbx|prd>_at_<base64url>`, AES-256-GCM (NIST SP 800-38D) over compact
// claims. Clients must treat them as opaque. Issuing one writes no row, and no request waits for the database to read one.
//
//   base64url( key id (4) | nonce (12) | sealed claims | tag (16) ), with prefix and key id as additional data
//
// Claims, big endian: version 1 | kind | token id (16) | issued (6, ms) | expires (6, ms) | organisation generation (4) |
// client id (16) | client generation (4) | secret id (16) | bound (1) | and if bound: certificate id (16) | x5t#S256 (32)

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Environment, environmentFromShortName, environmentShortName } from '@tollward/protocol';
import { idBytes, idFromBytes } from '../platform/ids.js';
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
const unboundBytes = 71;
const boundBytes = unboundBytes + 16 + 32;
const envelopeBytes = keyIdBytes + nonceBytes + tagBytes;
const tokenShape = /^tlw_(sbx|prd)_at_([A-Za-z0-9_-]+)$/;
const longestBody = Math.ceil(((envelopeBytes + boundBytes) * 4) / 3);

export function sealToken(environment: Environment, claims: TokenClaims, key: TokenKey, random: RandomBytes): string {
  const prefix = prefixes[environment];
  const nonce = random(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', key.secret, nonce, { authTagLength: tagBytes });
  cipher.setAAD(additionalData(prefix, key.idBytes));
  const sealed = cipher.update(encodeClaims(claims));
  // GCM is a stream: final() holds no further bytes, but only after it is the tag there.
  cipher.final();
  return prefix + Buffer.concat([key.idBytes, nonce, sealed, cipher.getAuthTag()]).toString('base64url');
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
  decipher.setAAD(additionalData(prefixes[environment], key.idBytes));
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

function additionalData(prefix: string, keyId: Buffer): Buffer {
  return Buffer.concat([Buffer.from(prefix, 'latin1'), keyId]);
}

function encodeClaims(claims: TokenClaims): Buffer {
  const bytes = Buffer.alloc(claims.binding === null ? unboundBytes : boundBytes);
  bytes[0] = formatVersion;
  bytes[1] = clientCredentialsKind;
  bytes.write(claims.tokenId, 2, 16, 'hex');
  bytes.writeUIntBE(claims.issuedAt, 18, 6);
  bytes.writeUIntBE(claims.expiresAt, 24, 6);
  bytes.writeUInt32BE(claims.organisationGeneration, 30);
  idBytes(claims.clientId).copy(bytes, 34);
  bytes.writeUInt32BE(claims.clientGeneration, 50);
  idBytes(claims.secretId).copy(bytes, 54);
  if (claims.binding !== null) {
    bytes[70] = 1;
    idBytes(claims.binding.certificateId).copy(bytes, 71);
    bytes.write(claims.binding.thumbprint, 87, 32, 'base64url');
  }
  return bytes;
}

/** Undefined when the sealed bytes are of a version or kind this program does not know. */
function decodeClaims(bytes: Buffer): TokenClaims | undefined {
  const bound = bytes[70];
  if (bytes[0] !== formatVersion || bytes[1] !== clientCredentialsKind) return undefined;
  if (bound !== (bytes.length === boundBytes ? 1 : 0)) return undefined;
  return {
    kind: 'client_credentials',
    tokenId: bytes.toString('hex', 2, 18),
    issuedAt: bytes.readUIntBE(18, 6),
    expiresAt: bytes.readUIntBE(24, 6),
    organisationGeneration: bytes.readUInt32BE(30),
    clientId: idFromBytes('cli', bytes.subarray(34, 50)),
    clientGeneration: bytes.readUInt32BE(50),
    secretId: idFromBytes('sec', bytes.subarray(54, 70)),
    binding:
      bound === 1
        ? {
            certificateId: idFromBytes('crt', bytes.subarray(71, 87)),
            thumbprint: bytes.toString('base64url', 87, 119),
          }
        : null,
  };
}
