// A partner authority that the operator brings: its certificate, the certificates above it, and its key (RFC 5280 section 6.1
// for what has to hold between them). What would only come to light in a partner's hands is found at the start. Their time is
// another matter: a server does not fail to start because of a day, it only signs nothing then.

import { type Environment, environments } from '@tollward/protocol';
import type { PartnerAuthority } from './certificate-authority.js';
import { type ChainLink, findKeyProblem, isSignedBy, readChain, readPrivateKey } from './certificate-chain.js';
import type { CertificateFacts } from './certificate-facts.js';
import { findUsageFault } from './certificate-upload.js';

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
  const key = readPrivateKey(keyPem);
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
