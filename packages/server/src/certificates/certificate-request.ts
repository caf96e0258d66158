// Decides whether a certificate request (PKCS #10, RFC 2986) that a partner sent may be signed.

import type { KeyObject } from 'node:crypto';
import { keyTypeOf } from './key-pair.js';
import { type PasteProblem, parsePastedRequest } from './request-intake.js';
import { readRequest } from './x509.js';

/** What we keep of a request. Everything else in it, extensions and other names included, is left out of the certificate. */
export interface AcceptedCsr {
  readonly publicKeySpki: Buffer;
  readonly keyType: string;
  readonly organisation: string;
  /** Two capital letters. */
  readonly country: string | undefined;
}

export type CsrProblem =
  | PasteProblem
  | 'key-not-allowed'
  | 'signature-hash-weak'
  | 'possession-not-proved'
  | 'organisation-missing'
  | 'organisation-not-usable';

export type CsrDecision =
  | { readonly ok: true; readonly csr: AcceptedCsr }
  | { readonly ok: false; readonly problem: CsrProblem; readonly remedy: string };

/** What to do about each problem, said to the partner. None of these texts carries anything of the input. */
const remedies: Readonly<Record<CsrProblem, string>> = {
  empty: 'Paste a certificate request in PEM form. It begins with -----BEGIN CERTIFICATE REQUEST-----.',
  'too-large': 'This is over 16 KiB, far more than a certificate request. Paste the request only.',
  'private-key':
    'This is a private key. It has left your hands, so treat it as compromised: delete it, make a new key, and send only the certificate request of the new key.',
  certificate: 'This is a certificate, not a certificate request. Send the request (CSR) that you made from your key.',
  several: 'There is more than one PEM block here. Send exactly one certificate request.',
  'headers-missing':
    'The first and last line are missing. Send the whole file, from -----BEGIN CERTIFICATE REQUEST----- to -----END CERTIFICATE REQUEST-----.',
  binary: 'This is a binary (DER) file. Convert it with: openssl req -inform DER -in client.der -out client.csr',
  'text-around': 'There is text before or after the certificate request. Send the PEM block only, without comments.',
  damaged: 'The certificate request is damaged or cut off. Copy the whole file again, or make a new request.',
  'not-a-request': 'This is not a certificate request. It begins with -----BEGIN CERTIFICATE REQUEST-----.',
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

const acceptedKeyTypes = ['rsa-2048', 'rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384'];
const acceptedHashes = ['SHA-256', 'SHA-384', 'SHA-512'];

/** RFC 5280 appendix A.1, ub-organization-name. */
const longestOrganisation = 64;

/** Decides whether a pasted certificate request may be signed. Never throws, and no answer repeats the input. */
export async function decideCsr(csrPem: string): Promise<CsrDecision> {
  const pasted = parsePastedRequest(csrPem);
  if (!pasted.ok) return refuse(pasted.problem);
  const request = await readRequest(pasted.der);
  if (request === undefined) return refuse('damaged');

  const { publicKey } = request;
  if (publicKey === undefined || !isAcceptedKey(publicKey)) return refuse('key-not-allowed');
  if (!acceptedHashes.includes(request.signatureHash ?? '')) return refuse('signature-hash-weak');
  if (!(await request.provesPossession())) return refuse('possession-not-proved');

  const organisation = request.organisations.map((name) => name.trim()).find((name) => name !== '');
  if (organisation === undefined) return refuse('organisation-missing');
  if ([...organisation].length > longestOrganisation || /[\p{C}\p{Zl}\p{Zp}]/u.test(organisation)) {
    return refuse('organisation-not-usable');
  }
  return {
    ok: true,
    csr: {
      publicKeySpki: publicKey.export({ type: 'spki', format: 'der' }),
      keyType: keyTypeOf(publicKey),
      organisation,
      country: request.countries.find((code) => /^[A-Z]{2}$/.test(code)),
    },
  };
}

function isAcceptedKey(key: KeyObject): boolean {
  const exponent = key.asymmetricKeyDetails?.publicExponent;
  return acceptedKeyTypes.includes(keyTypeOf(key)) && (exponent === undefined || exponent === 65_537n);
}

function refuse(problem: CsrProblem): CsrDecision {
  return { ok: false, problem, remedy: remedies[problem] };
}
