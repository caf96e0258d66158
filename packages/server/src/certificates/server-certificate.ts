// A certificate for our listeners that the operator brings: what would only come to light in a partner's handshake is found
// before it is shown (RFC 5280 section 6.1, RFC 8446 section 4.4.2, RFC 9525 section 6).

import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { ListenerCertificate } from '../platform/listeners/tls-listener.js';
import { type ChainLink, findKeyProblem, isSignedBy, readChain, readPrivateKey } from './certificate-chain.js';

/** A text of settings that can not be used as a server certificate. No key material is in the message. */
export class ServerCertificateError extends Error {
  override readonly name = 'ServerCertificateError';
}

export interface ServerCertificateTexts {
  /** The certificate of the server, then those above it, each signed by the next; the root may be left out. */
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface BroughtServerCertificate extends ListenerCertificate {
  /** When it and all that is shown with it are valid. */
  readonly validity: { readonly notBefore: number; readonly notAfter: number };
  /** Hosts that partners are told to call and that it is not good for. */
  readonly hostsNotCovered: readonly string[];
}

export type ServerCertificateDecision =
  | { readonly ok: true; readonly certificate: BroughtServerCertificate }
  | { readonly ok: false; readonly problem: string };

/** RFC 5280 section 4.2.1.12: id-kp-serverAuth. */
const serverAuthentication = '1.3.6.1.5.5.7.3.1';

/**
 * Decides whether listeners can show what the texts hold, whatever the time is. No answer repeats key material.
 *
 * @param hosts what partners reach the listeners by
 */
export async function parseServerCertificate(
  { certificatePem, keyPem }: ServerCertificateTexts,
  hosts: readonly string[],
): Promise<ServerCertificateDecision> {
  const chain = await readChain(certificatePem);
  if (typeof chain === 'string') return { ok: false, problem: chain };
  const key = readPrivateKey(keyPem);
  if (typeof key === 'string') return { ok: false, problem: key };
  const [leaf, ...above] = chain;
  if (leaf === undefined) return { ok: false, problem: 'there is no certificate in the text of the certificate' };
  // Clients have the root already, or do not trust it.
  const shown = [leaf, ...above.filter(({ facts }) => !facts.isSelfSigned)];
  const certificate = {
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    chainPem: shown.map(({ pem }) => pem).join(''),
  };
  const problem =
    findKeyProblem(leaf, key) ?? findUsageProblem(leaf) ?? findOrderProblem(chain) ?? findLibraryProblem(certificate);
  if (problem !== undefined) return { ok: false, problem };
  return {
    ok: true,
    certificate: {
      ...certificate,
      validity: {
        notBefore: Math.max(...shown.map(({ facts }) => facts.notBefore)),
        notAfter: Math.min(...shown.map(({ facts }) => facts.notAfter)),
      },
      hostsNotCovered: [...new Set(hosts)].filter((host) => !isGoodFor(leaf, host)),
    },
  };
}

function findUsageProblem({ facts: { extendedKeyUsage } }: ChainLink): string | undefined {
  if (extendedKeyUsage.length === 0 || extendedKeyUsage.includes(serverAuthentication)) return undefined;
  return 'certificate 1 is not for servers (its extended key usage lacks serverAuth)';
}

function findOrderProblem(chain: readonly ChainLink[]): string | undefined {
  for (const [index, { certificate, name }] of chain.entries()) {
    const above = chain[index + 1];
    if (above === undefined) continue;
    if (!above.facts.isAuthority) return `${above.name} is not the certificate of an authority (CA:TRUE is missing)`;
    if (!isSignedBy(certificate, above.certificate)) return `${name} is not signed by ${above.name}`;
  }
  return undefined;
}

/** What only OpenSSL itself knows: signatures or keys that its security level forbids. */
function findLibraryProblem({ keyPem, chainPem }: ListenerCertificate): string | undefined {
  try {
    createSecureContext({ key: keyPem, cert: chainPem });
    return undefined;
  } catch (error) {
    const reason = error instanceof Error && 'reason' in error ? String(error.reason) : 'for a reason it does not give';
    return `OpenSSL refuses it (${reason})`;
  }
}

/** By its alternative names only: clients have stopped looking at the common name. */
function isGoodFor({ certificate }: ChainLink, host: string): boolean {
  const found = isIP(host) > 0 ? certificate.checkIP(host) : certificate.checkHost(host, { subject: 'never' });
  return found !== undefined;
}
