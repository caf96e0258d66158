// Decides whether a certificate that a partner made elsewhere may be registered as it is. It is pinned: its exact encoding
// is the identity (RFC 8705 section 2.2), so who signed it does not count, and no chain or revocation list is looked at.

import { encodePem, type PasteProblem, readPaste } from '@tollward/protocol/pem';
import { isId } from '../platform/ids.js';
import { notVisible } from '../platform/printable.js';
import {
  type CertificateFacts,
  clientAuthentication,
  longestName,
  mostEntries,
  readCertificateFacts,
  unreadableUsage,
} from './certificate-facts.js';

export interface AcceptedUpload {
  readonly facts: CertificateFacts;
  readonly pem: string;
}

export type UploadFault =
  | 'not-readable'
  | 'key-not-allowed'
  | 'usage-unreadable'
  | 'usage-not-client'
  | 'expired'
  | 'authority'
  | 'subject-not-usable'
  | 'several-common-names'
  | 'another-client-named';

export type UploadProblem = PasteProblem | UploadFault;

export type UploadDecision =
  | { readonly ok: true; readonly upload: AcceptedUpload }
  | { readonly ok: false; readonly problem: UploadProblem; readonly remedy: string };

/** What to do about each fault, said to the partner. None of these texts carries anything of the input. */
export const uploadRemedies: Readonly<Record<UploadFault, string>> = {
  'not-readable':
    'This can not be read as one X.509 certificate: export it again, in PEM form, and send the whole file.',
  'key-not-allowed':
    'This kind of key is not accepted: make a new certificate on an RSA key of 2048, 3072 or 4096 bits with the exponent 65537, or on an elliptic-curve key on the named curve P-256 or P-384.',
  'usage-unreadable':
    'The extended key usage of this certificate is damaged: make it again, with clientAuth or without an extended key usage.',
  'usage-not-client':
    'The extended key usage of this certificate does not allow it to be shown by a TLS client: make it again with clientAuth in it.',
  expired: 'This certificate is over: send one that ends in the future.',
  authority:
    'This is the certificate of an authority, which signs others: send the client certificate that your TLS client shows.',
  'subject-not-usable':
    'The subject of this certificate is over 512 characters, has too many common names, or has characters that can not be seen: make it again with a plain subject.',
  'several-common-names':
    'One of several common names of this certificate looks like a client id: make it again with one common name.',
  'another-client-named':
    'The subject of this certificate has something in it that looks like a client id, but is not exactly the id of this client: make it again with another subject or with this id.',
};

/** Decides about a pasted certificate, to be registered to `clientId`. Never throws, and no answer repeats the input. */
export function decideCertificateUpload(input: string, clientId: string, now: number): UploadDecision {
  const pasted = readPaste(input, 'certificate');
  if (!pasted.ok) return pasted;
  const facts = readCertificateFacts(Buffer.from(pasted.der));
  const problem = findUploadFault(facts, clientId, now);
  if (problem !== undefined) return { ok: false, problem, remedy: uploadRemedies[problem] };
  return { ok: true, upload: { facts, pem: encodePem('CERTIFICATE', pasted.der) } };
}

/** The first reason why a certificate can not be registered to `clientId`, or to any client when that is undefined. */
export function findUploadFault(
  facts: CertificateFacts,
  clientId: string | undefined,
  now: number,
): UploadFault | undefined {
  if (!facts.readable) return 'not-readable';
  if (!facts.keyAccepted) return 'key-not-allowed';
  const usageFault = findUsageFault(facts);
  if (usageFault !== undefined) return usageFault;
  if (now >= facts.notAfter) return 'expired';
  // `openssl req -x509` makes an authority of every self-signed certificate unless it is told otherwise.
  if (facts.isAuthority && !facts.isSelfSigned) return 'authority';
  return findNameFault(facts, clientId);
}

/** RFC 5280 section 4.2.1.12. Any usage at all (anyExtendedKeyUsage) is no statement that this is a client. */
export function findUsageFault({ extendedKeyUsage }: CertificateFacts): UploadFault | undefined {
  if (extendedKeyUsage.includes(unreadableUsage)) return 'usage-unreadable';
  return extendedKeyUsage.length === 0 || extendedKeyUsage.includes(clientAuthentication)
    ? undefined
    : 'usage-not-client';
}

/** The subject proves nothing, but people read it in lists: it must not seem to belong to another client. */
function findNameFault({ subject, commonNames }: CertificateFacts, clientId: string | undefined) {
  const isCut = subject.length >= longestName || commonNames.length >= mostEntries;
  if (isCut || subject.includes(notVisible) || commonNames.some((name) => blank.test(name)))
    return 'subject-not-usable';
  const likeIds = commonNames.filter(looksLikeClientId);
  if (likeIds.length > 0 && commonNames.length > 1) return 'several-common-names';
  return [...likeIds, ...(subject.match(exactClientIds) ?? [])].every((name) =>
    clientId === undefined ? isId('cli', name) : name === clientId,
  )
    ? undefined
    : 'another-client-named';
}

/** Characters that take no ink and are no control characters, such as the Hangul filler and the empty Braille cell. */
const blank = /[\p{Default_Ignorable_Code_Point}\u{2800}]/u;

const exactClientIds = /cli_[\da-f]{32}/g;

/**
 * A client id at any place of a folded name: a letter of another script may look like any letter of ours. A lookahead,
 * because places can overlap.
 */
const likeClientIds = /(?=[c\P{ASCII}][1\P{ASCII}]{2}([\da-f\P{ASCII}]{32}))/gu;

/** A long name in another script has some digits too; an id that is drawn in another script keeps most of its own. */
const leastHexDigits = 16;

function looksLikeClientId(name: string): boolean {
  // A fingerprint. Without a letter beyond f and without the underscore it does not read as an id.
  if (/^[\da-f]*$/i.test(name)) return false;
  return [...fold(name).matchAll(likeClientIds)].some(
    ([, digits = '']) => digits.replaceAll(/\P{ASCII}/gu, '').length >= leastHexDigits,
  );
}

/** The letters and digits of a name, those that look alike made one. */
function fold(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[il|]/g, '1')
    .replaceAll('o', '0')
    .replaceAll(/[^\da-z\P{ASCII}]|\p{Mark}/gu, '');
}
