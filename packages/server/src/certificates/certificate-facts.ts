// Reads the facts of a certificate that somebody else made: the peer of a TLS connection, or an upload. Each fact is
// read by itself, and one that cannot be read gets the value that makes a later check refuse.

import { createHash, X509Certificate } from 'node:crypto';
import { keyTypeOf } from './key-pair.js';
import { encodePem } from './pem.js';

export interface CertificateFacts {
  /** SHA-256 over the DER encoding. */
  readonly sha256: Buffer;
  /** The same in base64url: `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string;
  /** Upper-case hex. */
  readonly serialNumber: string;
  /** One line, for people. Never compare it: use `commonNames`. */
  readonly subject: string;
  readonly commonNames: readonly string[];
  readonly issuer: string;
  /** `rsa-2048`, `ec-p256` and the like, or `unknown`. */
  readonly keyType: string;
  /** Milliseconds since the epoch; 0 when it cannot be read. */
  readonly notBefore: number;
  /** Milliseconds since the epoch; 0, and so long expired, when it cannot be read. */
  readonly notAfter: number;
  /** Object identifiers. Empty only when the certificate has no such extension; `unreadable` when it has a broken one. */
  readonly extendedKeyUsage: readonly string[];
}

const longestName = 512;
const mostEntries = 16;

/** RFC 5280 section 4.2.1.12: id-ce-extKeyUsage, as it stands in a DER encoding. */
const extendedKeyUsageOid = Buffer.from('0603551d25', 'hex');

/** Never throws, whatever the bytes are. */
export function readCertificateFacts(der: Buffer): CertificateFacts {
  const sha256 = createHash('sha256').update(der).digest();
  // Given DER, Node first looks for PEM inside of it and would read a certificate that a stranger embedded in his own.
  const certificate = attempt(() => new X509Certificate(encodePem('CERTIFICATE', der)), undefined);
  return {
    sha256,
    thumbprint: sha256.toString('base64url'),
    serialNumber: printable(attempt(() => certificate?.serialNumber, undefined)),
    subject: oneLine(attempt(() => certificate?.subject, undefined)),
    commonNames: attempt(() => readCommonNames(certificate), []),
    issuer: oneLine(attempt(() => certificate?.issuer, undefined)),
    keyType: attempt(() => (certificate === undefined ? 'unknown' : keyTypeOf(certificate.publicKey)), 'unknown'),
    notBefore: parseTime(attempt(() => certificate?.validFrom, undefined)),
    notAfter: parseTime(attempt(() => certificate?.validTo, undefined)),
    extendedKeyUsage: readExtendedKeyUsage(certificate, der),
  };
}

function readCommonNames(certificate: X509Certificate | undefined): readonly string[] {
  // Typed as one string, but an array when the subject has several, and absent when it has none.
  const names: string | readonly string[] | undefined = certificate?.toLegacyObject().subject?.CN;
  if (names === undefined) return [];
  return (typeof names === 'string' ? [names] : names).slice(0, mostEntries).map(printable);
}

function readExtendedKeyUsage(certificate: X509Certificate | undefined, der: Buffer): readonly string[] {
  // Node 20 calls the extended key usage `keyUsage`. It is undefined for a broken extension as for an absent one.
  const usages = attempt(() => certificate?.keyUsage, undefined);
  if (usages !== undefined && usages.length > 0) return usages.slice(0, mostEntries).map(printable);
  return der.includes(extendedKeyUsageOid) ? ['unreadable'] : [];
}

function parseTime(text: string | undefined): number {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? 0 : time;
}

/** Node writes one attribute a line, with line feeds and commas inside of values escaped. */
function oneLine(name: string | undefined): string {
  return printable(name?.replaceAll('\n', ', '));
}

/**
 * These texts reach logs and terminals. What cannot be seen there is replaced and not dropped: dropping could turn a
 * foreign common name into the one that is expected.
 */
function printable(text: string | undefined): string {
  if (text === undefined) return '';
  const cut = text.length > longestName ? `${text.slice(0, longestName - 1)}…` : text;
  return cut.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{fffd}');
}

function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
