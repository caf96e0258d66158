// Reads the facts of a certificate that somebody else made: the peer of a TLS connection, or an upload. Each fact is
// read by itself, and one that cannot be read gets the value that makes a later check refuse.

import { createHash, X509Certificate } from 'node:crypto';
// Node 20 leaves tls without createSecureContext, for the whole process, when toLegacyObject is called before tls was loaded.
import 'node:tls';
import { encodePem } from '@tollward/protocol/pem';
import { printable } from '../platform/printable.js';
import { isAcceptedKey, keyTypeOf } from './key-pair.js';

export interface CertificateFacts {
  /** Whether the bytes are one certificate and nothing else. */
  readonly readable: boolean;
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
  /** Of the subject, one line, for people (RFC 5280 section 4.2.1.6). */
  readonly alternativeNames: string;
  /** `rsa-2048`, `ec-p256` and the like, or `unknown`. */
  readonly keyType: string;
  /** Whether a client may have a key of this kind. */
  readonly keyAccepted: boolean;
  /** Whether it says of itself that it may sign others (RFC 5280 section 4.2.1.9). */
  readonly isAuthority: boolean;
  /** Whether its own key signed it. */
  readonly isSelfSigned: boolean;
  /** Milliseconds since the epoch; the end of time, and so never reached, when it can not be read. */
  readonly notBefore: number;
  /** Milliseconds since the epoch; 0, and so long expired, when it cannot be read. */
  readonly notAfter: number;
  /** Object identifiers. Empty only when the certificate has no such extension; `unreadable` when it has a broken one. */
  readonly extendedKeyUsage: readonly string[];
}

/** Longer texts are cut to this length. */
export const longestName = 512;
/** The most common names and usages that are kept. */
export const mostEntries = 16;

/** What stands for an extended key usage that is there and can not be read. */
export const unreadableUsage = 'unreadable';
/** RFC 5280 section 4.2.1.12: id-kp-clientAuth. */
export const clientAuthentication = '1.3.6.1.5.5.7.3.2';

/** RFC 5280 section 4.2.1.12: id-ce-extKeyUsage, as it stands in a DER encoding. */
const extendedKeyUsageOid = Buffer.from('0603551d25', 'hex');

/** RFC 5280 section 4.2.1.9: id-ce-basicConstraints, critical or not, that begins with cA TRUE; in hex. */
const authorityConstraints = /0603551d13(?:0101..)?04..30..0101(?!00)/;

/** The last time that a Date can hold. */
const lastMoment = 8.64e15;

/** Never throws, whatever the bytes are. */
export function readCertificateFacts(der: Buffer): CertificateFacts {
  const sha256 = createHash('sha256').update(der).digest();
  // Given DER, Node first looks for PEM inside of it and would read a certificate that a stranger embedded in his own.
  const certificate = attempt(() => new X509Certificate(encodePem('CERTIFICATE', der)), undefined);
  const notBefore = parseTime(attempt(() => certificate?.validFrom, undefined));
  const notAfter = parseTime(attempt(() => certificate?.validTo, undefined));
  return {
    readable: certificate?.raw.equals(der) === true && notBefore !== undefined && notAfter !== undefined,
    sha256,
    thumbprint: sha256.toString('base64url'),
    serialNumber: shown(attempt(() => certificate?.serialNumber, undefined)),
    subject: oneLine(attempt(() => certificate?.subject, undefined)),
    commonNames: attempt(() => readCommonNames(certificate), []),
    issuer: oneLine(attempt(() => certificate?.issuer, undefined)),
    alternativeNames: shown(attempt(() => certificate?.subjectAltName, undefined)),
    keyType: attempt(() => (certificate === undefined ? 'unknown' : keyTypeOf(certificate.publicKey)), 'unknown'),
    keyAccepted: attempt(() => certificate !== undefined && isAcceptedKey(certificate.publicKey), false),
    // Node's own `ca` is false for an authority whose key usage contradicts it.
    isAuthority: certificate?.ca === true || authorityConstraints.test(der.toString('hex')),
    isSelfSigned: attempt(() => certificate?.verify(certificate.publicKey) ?? false, false),
    notBefore: notBefore ?? lastMoment,
    notAfter: notAfter ?? 0,
    extendedKeyUsage: readExtendedKeyUsage(certificate, der),
  };
}

function readCommonNames(certificate: X509Certificate | undefined): readonly string[] {
  // Typed as one string, but an array when the subject has several, and absent when it has none.
  const names: string | readonly string[] | undefined = certificate?.toLegacyObject().subject?.CN;
  if (names === undefined) return [];
  return (typeof names === 'string' ? [names] : names).slice(0, mostEntries).map(shown);
}

function readExtendedKeyUsage(certificate: X509Certificate | undefined, der: Buffer): readonly string[] {
  // Node 20 calls the extended key usage `keyUsage`. It is undefined for a broken extension as for an absent one.
  const usages = attempt(() => certificate?.keyUsage, undefined);
  if (usages !== undefined && usages.length > 0) return usages.slice(0, mostEntries).map(shown);
  return der.includes(extendedKeyUsageOid) ? [unreadableUsage] : [];
}

/** As Node prints a time that X.509 can have (RFC 5280 section 4.1.2.5): what else it prints is no date to rely on. */
const printedTime = /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:19[5-9]\d|[2-9]\d{3}) GMT$/;

function parseTime(text = ''): number | undefined {
  const time = printedTime.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(time) ? undefined : time;
}

/** Node writes one attribute a line, with line feeds and commas inside of values escaped. */
function oneLine(name: string | undefined): string {
  return shown(name?.replaceAll('\n', ', '));
}

/** One text of a certificate, as it may be shown. */
export function shown(text: string | undefined): string {
  if (text === undefined) return '';
  return printable(text.length > longestName ? `${text.slice(0, longestName - 1)}…` : text);
}

function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
