// The lines that open and close a block, and their labels (RFC 7468 sections 2 to 13).

import type { DerKind } from './recognise-der.js';

export interface PemLine {
  readonly kind: 'BEGIN' | 'END';
  readonly label: string;
  readonly start: number;
  readonly end: number;
}

/** Line ends that went through JSON or an environment variable. */
export const writtenOutLineEnds = /\\{1,4}[rn]/g;

const exactLine = /-----(BEGIN|END) ([A-Z0-9 #]{1,64})-----/g;

/** The same lines as somebody, or a word processor, wrote them a little differently. */
const inexactLines = {
  BEGIN: /[-=_\u2010-\u2015\u2212]\s{0,2}BEGIN\s{1,4}[A-Z]/i,
  END: /[-=_\u2010-\u2015\u2212]\s{0,2}END\s{1,4}[A-Z]/i,
};

export type LabelKind = DerKind | 'trusted-certificate' | 'not-recognised';

const kinds: ReadonlyMap<string, LabelKind> = new Map([
  ['CERTIFICATE', 'certificate'],
  ['X509 CERTIFICATE', 'certificate'],
  ['TRUSTED CERTIFICATE', 'trusted-certificate'],
  ['CERTIFICATE REQUEST', 'certificate-request'],
  ['NEW CERTIFICATE REQUEST', 'certificate-request'],
  ['PUBLIC KEY', 'public-key'],
  ['RSA PUBLIC KEY', 'public-key'],
  ['X509 CRL', 'crl'],
  ['PKCS7', 'pkcs7'],
  ['PKCS #7 SIGNED DATA', 'pkcs7'],
  ['CMS', 'pkcs7'],
]);

export function findPemLines(text: string): readonly PemLine[] {
  return Array.from(text.matchAll(exactLine), ({ 0: { length }, 1: kind, 2: label = '', index }) => ({
    kind: kind === 'BEGIN' ? 'BEGIN' : 'END',
    label,
    start: index,
    end: index + length,
  }));
}

export function hasInexactLine(text: string, kind: PemLine['kind']): boolean {
  return inexactLines[kind].test(text);
}

export function kindOfLabel(label: string): LabelKind {
  return kinds.get(label) ?? 'not-recognised';
}
