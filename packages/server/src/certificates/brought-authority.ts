// A partner authority that the operator brings: its certificate, the certificates above it, and its key (RFC 5280 section 6.1
// for what has to hold between them). What would only come to light in a partner's hands is found at the start. Their time is
// another matter: a server does not fail to start because of a day, it only signs nothing then.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Environment, environments } from '@tollward/protocol';
import { decodeBase64, encodePem } from '@tollward/protocol/pem';
import type { PartnerAuthority } from './certificate-authority.js';
import { type CertificateFacts, readCertificateFacts } from './certificate-facts.js';
import { findUsageFault } from './certificate-upload.js';
import { keyTypeOf, namesItsCurve } from './key-pair.js';
import { type AuthorityTerms, readAuthorityTerms } from './x509.js';

/** A text of settings that can not be used as a partner authority. No key material is in the message. */
export class BroughtAuthorityError extends Error {
  override readonly name = 'BroughtAuthorityError';
}

export interface BroughtAuthority extends PartnerAuthority {
  readonly validity: { readonly notBefore: number; readonly notAfter: number };
  /** Of the issuing certificate. */
  readonly facts: CertificateFacts;
}

export type BroughtAuthorityDecision =
  | { readonly ok: true; readonly authority: BroughtAuthority }
  | { readonly ok: false; readonly problem: string };

export interface BroughtAuthorityTexts {
  /** The issuing certificate, then those above it, each signed by the next; the root may be left out. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

const mostCertificates = 8;
const leastRsaBits = 2048;

interface ChainLink {
  readonly certificate: X509Certificate;
  readonly facts: CertificateFacts;
  readonly terms: AuthorityTerms;
  readonly pem: string;
  /** For texts: `certificate 2`. */
  readonly name: string;
}

export type BroughtAuthorities = Readonly<Partial<Record<Environment, BroughtAuthority>>>;

/** What the settings hold for an environment: both texts or none. */
export type BroughtAuthoritySettings = Readonly<
  Record<Environment, { readonly [Text in keyof BroughtAuthorityTexts]: string | undefined }>
>;

/** @throws BroughtAuthorityError when one of them can not be used */
export async function openBroughtAuthorities(settings: BroughtAuthoritySettings): Promise<BroughtAuthorities> {
  const opened: Partial<Record<Environment, BroughtAuthority>> = {};
  for (const environment of environments) {
    const { certificatePem, keyPem } = settings[environment];
    if (certificatePem === undefined || keyPem === undefined) continue;
    const parsed = await parseBroughtAuthority({ certificatePem, keyPem });
    if (!parsed.ok) {
      throw new BroughtAuthorityError(`The partner CA of ${environment} can not be used: ${parsed.problem}.`);
    }
    opened[environment] = parsed.authority;
  }
  return opened;
}

/** Decides whether the texts are a partner authority that can sign while it is valid. No answer repeats key material. */
export async function parseBroughtAuthority({
  certificatePem,
  keyPem,
}: BroughtAuthorityTexts): Promise<BroughtAuthorityDecision> {
  const chain = await readChain(certificatePem);
  if (typeof chain === 'string') return { ok: false, problem: chain };
  const key = readSigningKey(keyPem);
  if (typeof key === 'string') return { ok: false, problem: key };

  const [issuing] = chain;
  if (issuing === undefined) return { ok: false, problem: 'there is no certificate in the text of the certificate' };
  const problem = findKeyProblem(issuing, key) ?? findChainProblem(chain);
  if (problem !== undefined) return { ok: false, problem };
  return {
    ok: true,
    authority: {
      issuingCertificatePem: issuing.pem,
      issuingKeyPkcs8: key.export({ type: 'pkcs8', format: 'der' }),
      // Whoever verifies a leaf has the root already, and trusts no root that comes with it.
      issuingChainPem: chain
        .filter(({ facts }) => !facts.isSelfSigned)
        .map(({ pem }) => pem)
        .join(''),
      validity: {
        notBefore: Math.max(...chain.map(({ facts }) => facts.notBefore)),
        notAfter: Math.min(...chain.map(({ facts }) => facts.notAfter)),
      },
      facts: issuing.facts,
    },
  };
}

const pemBlock = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;

async function readChain(text: string): Promise<readonly ChainLink[] | string> {
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

function readSigningKey(text: string): KeyObject | string {
  const pem = withLineEnds(text);
  if (/ENCRYPTED/.test(pem)) {
    return 'the key is encrypted with a passphrase; decrypt it first, for example with: openssl pkey -in ca.key -out ca-plain.key';
  }
  try {
    return createPrivateKey(pem);
  } catch {
    return 'the key can not be read as a private key in PEM form';
  }
}

function findKeyProblem({ certificate }: ChainLink, key: KeyObject): string | undefined {
  if (!certificate.checkPrivateKey(key)) return 'the key does not belong to the first certificate';
  const { publicKey } = certificate;
  const usable =
    publicKey.asymmetricKeyType === 'rsa'
      ? (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) >= leastRsaBits
      : publicKey.asymmetricKeyType === 'ec' && namesItsCurve(publicKey);
  if (usable) return undefined;
  return `the key is of the kind ${keyTypeOf(publicKey)}; it must be EC on the named curve P-256 or P-384, or RSA of at least ${leastRsaBits} bits`;
}

function findChainProblem(chain: readonly ChainLink[]): string | undefined {
  for (const [below, link] of chain.entries()) {
    const { certificate, facts, terms, name } = link;
    if (!facts.isAuthority) return `${name} is not the certificate of an authority (CA:TRUE is missing)`;
    // Of an authority, Node's `ca` is false when it has a key usage without keyCertSign.
    if (!certificate.ca) return `${name} may not sign certificates (its key usage lacks keyCertSign)`;
    if (terms.pathLength !== undefined && terms.pathLength < below) {
      return `${name} allows ${terms.pathLength} authorities below itself, and there are ${below}`;
    }
    const extensionProblem = findExtensionProblem(link);
    if (extensionProblem !== undefined) return extensionProblem;
    if (findUsageFault(facts) !== undefined)
      return `${name} may not sign for clients (its extended key usage lacks clientAuth)`;
    const above = chain[below + 1];
    if (above !== undefined && !isSignedBy(certificate, above.certificate))
      return `${name} is not signed by ${above.name}`;
  }
  return undefined;
}

const nameConstraints = '2.5.29.30';

/** RFC 5280 section 4.2: those that are judged here, and the policies (4.2.1.4), which bind no leaf by themselves. */
const understood: readonly string[] = ['2.5.29.15', '2.5.29.19', '2.5.29.32', '2.5.29.37'];

/** Others verify the leaves too, and must not find a term in the chain that they refuse or that the leaves break. */
function findExtensionProblem({ terms, name }: ChainLink): string | undefined {
  if (terms.extensions.some(({ oid }) => oid === nameConstraints)) {
    return `${name} limits the names below itself (nameConstraints), and partners' certificates may have others`;
  }
  const unknown = terms.extensions.find(({ oid, critical }) => critical && !understood.includes(oid));
  return unknown && `${name} has the critical extension ${unknown.oid}, for which others may refuse what is below it`;
}

function isSignedBy(certificate: X509Certificate, above: X509Certificate): boolean {
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
