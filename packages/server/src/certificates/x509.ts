// The one door to @peculiar/x509: writing certificates and requests, reading requests (RFC 5280, RFC 2986).
// The library takes a good tenth of a second to load, so it is loaded when it is first needed and not at start-up.

import { createPrivateKey, createPublicKey, type KeyObject, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import type { Extension, JsonGeneralName, JsonNameParams, PublicKey } from '@peculiar/x509';
import type { KeyPair } from './key-pair.js';

type Library = typeof import('@peculiar/x509');

async function loadLibrary(): Promise<Library> {
  // The library asks for decorator metadata while it loads and throws when this is missing.
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

export interface Subject {
  readonly country?: string | undefined;
  readonly organisation: string;
  readonly commonName?: string;
}

export type LeafPurpose = { readonly kind: 'client' } | { readonly kind: 'server'; readonly hosts: readonly string[] };

export type Purpose = LeafPurpose | { readonly kind: 'authority'; readonly pathLength: number };

export interface CertificateContent {
  readonly subject: Subject;
  readonly publicKeySpki: Buffer;
  readonly purpose: Purpose;
  readonly serialNumber: Buffer;
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface Issuer {
  /** Absent for a root, which signs itself. */
  readonly certificatePem?: string;
  readonly keyPkcs8: Buffer;
}

/** Signs a certificate and returns its DER encoding. */
export async function signCertificate(content: CertificateContent, issuer: Issuer): Promise<Buffer> {
  const library = await loadLibrary();
  const subject = toName(library, content.subject);
  const publicKey = new library.PublicKey(content.publicKeySpki);
  const issuerCertificate =
    issuer.certificatePem === undefined ? undefined : new library.X509Certificate(issuer.certificatePem);
  // What the issuer states counts: an authority brought from elsewhere may have derived its key id in another way.
  const issuerKeyId =
    issuerCertificate?.getExtension(library.SubjectKeyIdentifierExtension)?.keyId ??
    (await keyIdOf(issuerCertificate?.publicKey ?? publicKey));
  const key = await importSigningKey(issuer.keyPkcs8);

  const certificate = await library.X509CertificateGenerator.create({
    subject,
    issuer: issuerCertificate?.subjectName ?? subject,
    publicKey,
    serialNumber: content.serialNumber.toString('hex'),
    notBefore: new Date(content.notBefore),
    notAfter: new Date(content.notAfter),
    extensions: [
      ...purposeExtensions(library, content.purpose),
      new library.SubjectKeyIdentifierExtension(await keyIdOf(publicKey)),
      new library.AuthorityKeyIdentifierExtension(issuerKeyId),
    ],
    signingKey: key.signingKey,
    signingAlgorithm: key.algorithm,
  });
  return Buffer.from(certificate.rawData);
}

/** Makes a certificate request for a key pair and returns its DER encoding. */
export async function signRequest(subject: Subject, keys: KeyPair): Promise<Buffer> {
  const library = await loadLibrary();
  const { signingKey, algorithm } = await importSigningKey(keys.privateKeyPkcs8);
  const publicKey = await webcrypto.subtle.importKey('spki', keys.publicKeySpki, algorithm, true, ['verify']);
  const request = await library.Pkcs10CertificateRequestGenerator.create({
    name: toName(library, subject),
    keys: { publicKey, privateKey: signingKey },
    signingAlgorithm: algorithm,
  });
  return Buffer.from(request.rawData);
}

/** What a certificate says about those below it (RFC 5280 section 4.2). */
export interface AuthorityTerms {
  /** How many authorities it allows below itself; undefined for any number. */
  readonly pathLength: number | undefined;
  readonly extensions: readonly { readonly oid: string; readonly critical: boolean }[];
}

export async function readAuthorityTerms(certificatePem: string): Promise<AuthorityTerms> {
  const library = await loadLibrary();
  const certificate = new library.X509Certificate(certificatePem);
  return {
    pathLength: certificate.getExtension(library.BasicConstraintsExtension)?.pathLength,
    extensions: certificate.extensions.map(({ type, critical }) => ({ oid: type, critical })),
  };
}

/** What a certificate request says. Nothing of it is decided or even proved yet. */
export interface ReadRequest {
  readonly organisations: readonly string[];
  readonly countries: readonly string[];
  /** One line, for people. May hold any character. */
  readonly subject: string;
  /** Undefined when the key is of a kind that Node cannot read. */
  readonly publicKey: KeyObject | undefined;
  /** `SHA-256` and the like, or undefined when the algorithm names none. */
  readonly signatureHash: string | undefined;
  /** Whether whoever made the request holds its private key (RFC 2986 section 3). */
  provesPossession(): Promise<boolean>;
}

/** @returns undefined when the bytes are not a certificate request */
export async function readRequest(der: Buffer): Promise<ReadRequest | undefined> {
  const library = await loadLibrary();
  try {
    const request = new library.Pkcs10CertificateRequest(der);
    const { hash } = request.signatureAlgorithm ?? {};
    return {
      organisations: request.subjectName.getField('O'),
      countries: request.subjectName.getField('C'),
      subject: request.subject,
      publicKey: readPublicKey(request.publicKey),
      signatureHash: typeof hash === 'string' ? hash : hash?.name,
      provesPossession: () => request.verify().catch(() => false),
    };
  } catch {
    return undefined;
  }
}

function readPublicKey(publicKey: PublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: Buffer.from(publicKey.rawData), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** Values go in as typed strings, because the library reads escapes and quotes in plain ones. */
function toName(library: Library, { country, organisation, commonName }: Subject): InstanceType<Library['Name']> {
  const parts: JsonNameParams = [];
  if (country !== undefined) parts.push({ C: [{ printableString: country }] });
  parts.push({ O: [{ utf8String: organisation }] });
  if (commonName !== undefined) parts.push({ CN: [{ utf8String: commonName }] });
  return new library.Name(parts);
}

function purposeExtensions(library: Library, purpose: Purpose): Extension[] {
  const { BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags } = library;
  if (purpose.kind === 'authority') {
    return [
      new BasicConstraintsExtension(true, purpose.pathLength, true),
      new library.KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ];
  }
  const leaf = [
    new BasicConstraintsExtension(false, undefined, true),
    new library.KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  ];
  if (purpose.kind === 'client') return [...leaf, new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])];
  return [
    ...leaf,
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    new library.SubjectAlternativeNameExtension(purpose.hosts.map(toGeneralName)),
  ];
}

/** RFC 5280 section 4.2.1.6. */
function toGeneralName(host: string): JsonGeneralName {
  switch (isIP(host)) {
    case 4:
      return { type: 'ip', value: host };
    case 6:
      // The library misreads an IPv4 tail such as `::ffff:10.0.0.1`; a URL always writes eight groups of hex.
      return { type: 'ip', value: new URL(`https://[${host}]`).hostname.slice(1, -1) };
    default:
      return { type: 'dns', value: host };
  }
}

/** RFC 5280 section 4.2.1.2, method 1. */
async function keyIdOf(publicKey: PublicKey): Promise<string> {
  return Buffer.from(await publicKey.getKeyIdentifier()).toString('hex');
}

async function importSigningKey(pkcs8: Buffer) {
  const algorithm = signingAlgorithmOf(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
  return { algorithm, signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']) };
}

/** With RSA the scheme that every TLS library verifies (RFC 8017 section 8.2); on a curve the hash of its size. */
function signingAlgorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject) {
  if (asymmetricKeyType === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return asymmetricKeyDetails?.namedCurve === 'secp384r1'
    ? { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' }
    : { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
}
