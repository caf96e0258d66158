// Decides whether a certificate request (PKCS #10, RFC 2986) that a partner sent may be signed.

import { type PasteProblem, readPaste } from '@tollward/protocol/pem';
import { printable } from '../platform/printable.js';
import { isAcceptedKey, keyTypeOf } from './key-pair.js';
import { readRequest } from './x509.js';

/** What we keep of a request. Everything else in it, extensions and other names included, is left out of the certificate. */
export interface AcceptedCsr {
  readonly publicKeySpki: Buffer;
  readonly keyType: string;
  readonly organisation: string;
  /** Two capital letters. */
  readonly country: string | undefined;
}

export type CsrFault =
  | 'not-readable'
  | 'key-not-allowed'
  | 'signature-hash-weak'
  | 'possession-not-proved'
  | 'organisation-missing'
  | 'organisation-not-usable';

export type CsrDecision =
  | { readonly ok: true; readonly csr: AcceptedCsr }
  | { readonly ok: false; readonly problem: PasteProblem | CsrFault; readonly remedy: string };

/** What to do about each fault, said to the partner. None of these texts carries anything of the input. */
const remedies: Readonly<Record<CsrFault, string>> = {
  'not-readable': 'This cannot be read as a certificate request. Make a new one from your key, with SHA-256.',
  'key-not-allowed':
    'This kind of key is not accepted. Make a new key: RSA of 2048, 3072 or 4096 bits with the exponent 65537, or an elliptic-curve key on P-256 or P-384.',
  'signature-hash-weak':
    'The certificate request is signed with an outdated hash. Make it again with SHA-256, SHA-384 or SHA-512.',
  'possession-not-proved':
    'The signature of the certificate request does not fit its key. Make the request again from the private key that belongs to it.',
  'organisation-missing':
    'The subject has no organisation (O). Make the request again, for example with: -subj "/C=EE/O=Example Bank"',
  'organisation-not-usable':
    'The organisation (O) in the subject is over 64 characters or has characters that cannot be printed. Make the request again with a shorter, plain name.',
};

const acceptedHashes = ['SHA-256', 'SHA-384', 'SHA-512'];

/** RFC 5280 appendix A.1, ub-organization-name. */
const longestOrganisation = 64;

/** Whether it may stand as the organisation (O) in a request and in a certificate. */
export function isOrganisationName(name: string): boolean {
  return name !== '' && [...name].length <= longestOrganisation && printable(name) === name;
}

/** Whether it may stand as the country (C). */
export function isCountryCode(code: string): boolean {
  return /^[A-Z]{2}$/.test(code);
}

/** Decides whether a pasted certificate request may be signed. Never throws, and no answer repeats the input. */
export async function decideCsr(csrPem: string): Promise<CsrDecision> {
  const pasted = readPaste(csrPem, 'certificate-request');
  if (!pasted.ok) return pasted;
  const request = await readRequest(Buffer.from(pasted.der));
  if (request === undefined) return refuse('not-readable');

  const { publicKey } = request;
  if (publicKey === undefined || !isAcceptedKey(publicKey)) return refuse('key-not-allowed');
  if (!acceptedHashes.includes(request.signatureHash ?? '')) return refuse('signature-hash-weak');
  if (!(await request.provesPossession())) return refuse('possession-not-proved');

  const organisation = request.organisations.map((name) => name.trim()).find((name) => name !== '');
  if (organisation === undefined) return refuse('organisation-missing');
  if (!isOrganisationName(organisation)) return refuse('organisation-not-usable');
  return {
    ok: true,
    csr: {
      publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
      keyType: keyTypeOf(publicKey),
      organisation,
      country: request.countries.find(isCountryCode),
    },
  };
}

function refuse(problem: CsrFault): CsrDecision {
  return { ok: false, problem, remedy: remedies[problem] };
}
