// Certificates and keys as an operator hands them over: one certificate, then those above it, and the private key of the
// first, in PEM (RFC 7468). A problem is said in words that end a sentence, and repeats no key material.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { decodeBase64, encodePem } from '@tollward/protocol/pem';
import { type CertificateFacts, readCertificateFacts } from './certificate-facts.js';
import { keyTypeOf, namesItsCurve } from './key-pair.js';
import { type AuthorityTerms, readAuthorityTerms } from './x509.js';

export interface ChainLink {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
  readonly terms: AuthorityTerms;
  readonly pem: string;
  /** For texts: `certificate 2`. */
  readonly name: string;
}

const mostCertificates = 8;
const leastRsaBits = 2048;
const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;

/** @returns the certificates, or what is wrong with the text */
export async function readChain(text: string): Promise<readonly ChainLink[] | string> {
  const pem = withLineEnds(text);
  const blocks = [...pem.matchAll(pemBlock)];
  if (blocks.length > mostCertificates) return `there are more than ${mostCertificates} certificates in the text`;
  if (blocks.length !== pem.split('-----BEGIN ').length - 1) return 'a certificate is cut off';
  const chain: ChainLink[] = [];
  for (const [index, [, label, body]] of blocks.entries()) {
    if (label !== 'CERTIFICATE') return 'the text of the certificate holds something else than certificates';
    const link = await readLink(body ?? '', `certificate ${index + 1}`);
    if (typeof link === 'string') return link;
    chain.push(link);
  }
  return chain;
}

async function readLink(base64: string, name: string): Promise<ChainLink | string> {
  const bytes = decodeBase64(base64);
  if (bytes === undefined) return `${name} can not be read`;
  const der = Buffer.from(bytes);
  const facts = readCertificateFacts(der);
  const pem = encodePem('CERTIFICATE', der);
  try {
    if (facts.readable) {
      return { certificate: new X509Certificate(pem), facts, terms: await readAuthorityTerms(pem), pem, name };
    }
  } catch {
    // Whatever its reader objects to, the answer is the same.
  }
  return `${name} can not be read`;
}

/** @returns the key, or what is wrong with the text */
export function readPrivateKey(text: string): KeyObject | string {
  const pem = withLineEnds(text);
  if (/ENCRYPTED/.test(pem)) {
    return 'the key is encrypted with a passphrase; decrypt it first, for example with: openssl pkey -in encrypted.key -out plain.key';
  }
  try {
    return createPrivateKey(pem);
  } catch {
    return 'the key can not be read as a private key in PEM form';
  }
}

/** @returns what keeps the key from being used with the certificate, if anything does */
export function findKeyProblem({ certificate }: ChainLink, key: KeyObject): string | undefined {
  if (!certificate.checkPrivateKey(key)) return 'the key does not belong to the first certificate';
  const { publicKey } = certificate;
  const usable =
    publicKey.asymmetricKeyType === 'rsa'
      ? (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) >= leastRsaBits
      : publicKey.asymmetricKeyType === 'ec' && namesItsCurve(publicKey);
  if (usable) return undefined;
  return `the key is of the kind ${keyTypeOf(publicKey)}; it must be EC on the named curve P-256 or P-384, or RSA of at least ${leastRsaBits} bits`;
}

export function isSignedBy(certificate: X509Certificate, above: X509Certificate): boolean {
  try {
    return certificate.checkIssued(above) && certificate.verify(above.publicKey);
  } catch {
    return false;
  }
}

/** An environment variable often carries its line ends written out. */
function withLineEnds(text: string): string {
  return text.replaceAll(/(?:\\r)?\\n/g, '\n');
}
