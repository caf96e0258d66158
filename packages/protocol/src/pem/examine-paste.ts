// What somebody pasted, or read from a file, told apart before any X.509 reader sees it: those answer a private key, a
// certificate and a cut-off request with the same "no start line".

import { decodeBase64, decodeBase64Url } from './base64.js';
import { findPrivateKey } from './find-private-key.js';
import type { PasteProblem, PemWanted } from './paste-problem.js';
import {
  findPemLines,
  hasInexactLine,
  kindOfLabel,
  type LabelKind,
  type PemLine,
  writtenOutLineEnds,
} from './pem-lines.js';
import { recogniseDer } from './recognise-der.js';

interface PasteFault {
  readonly kind: 'problem';
  readonly problem: PasteProblem;
  /** What it would be without the fault, where that can be told. */
  readonly about: PemWanted | undefined;
}

export type Paste =
  | { readonly kind: PemWanted; readonly der: Uint8Array }
  /** Several certificates, in the order of the file. */
  | { readonly kind: 'chain'; readonly ders: readonly Uint8Array[] }
  | PasteFault;

/** Never throws, whatever the input is. */
export function examinePaste(input: string | Uint8Array, mostLength: number): Paste {
  const text = typeof input === 'string' ? input : new TextDecoder().decode(input);
  // First of all, and whatever else is wrong: its owner must learn that this key is no longer a secret.
  const key = findPrivateKey(text);
  if (key !== undefined) return fault(key);
  if (input.length > mostLength) return fault('too-large');
  return typeof input === 'string' ? examineText(text) : examineBytes(input, text);
}

function examineBytes(bytes: Uint8Array, text: string): Paste {
  const kind = recogniseDer(bytes);
  if (kind === undefined) return looksBinary(text) ? fault('damaged') : examineText(text);
  return isWanted(kind) ? { kind, der: bytes } : fault(kind);
}

/** A sequence whose length takes more than one byte, as that of everything here does. Read as text, that byte is not ASCII. */
function looksBinary(text: string): boolean {
  return /^0[\u0080-\uffff]/.test(text);
}

function examineText(input: string): Paste {
  if (looksBinary(input)) return fault('binary');
  if (input.includes('\0')) {
    const isHidden = !findsBegin(input) && findsBegin(input.replaceAll('\0', ''));
    return fault(isHidden ? 'utf-16' : 'nul-bytes');
  }
  const text = input.replace(writtenOutLineEnds, '\n').trim();
  if (text === '') return fault('empty');

  const lines = findPemLines(text);
  const opening = lines.filter(({ kind }) => kind === 'BEGIN');
  const [only] = opening;
  if (only === undefined) return examineWithoutBegin(text, lines);
  if (opening.length > 1) return examineSeveral(text, lines, opening);
  const kind = kindOfLabel(only.label);
  if (kind === 'trusted-certificate') return fault(kind, 'certificate');
  if (!isWanted(kind)) return fault(kind);
  return surroundingFault(text, lines, only, kind) ?? readBlock(text, lines, only, kind);
}

function findsBegin(text: string): boolean {
  return text.includes('-----BEGIN ');
}

function examineWithoutBegin(text: string, lines: readonly PemLine[]): Paste {
  const [closing] = lines;
  const closes = closing && kindOfLabel(closing.label);
  const about = isWanted(closes) ? closes : undefined;
  if (hasInexactLine(text, 'BEGIN')) return fault('dashes', about);
  if (closing !== undefined) return fault('headers-missing', about);
  const der = decodeBase64(text) ?? decodeBase64Url(text);
  const kind = der && recogniseDer(der);
  if (isWanted(kind)) return fault('headers-missing', kind);
  return fault(kind ?? 'not-recognised');
}

function examineSeveral(text: string, lines: readonly PemLine[], opening: readonly PemLine[]): Paste {
  const kinds = new Set(opening.map(({ label }) => kindOfLabel(label)));
  const [kind] = kinds;
  if (kinds.has('certificate') && kinds.has('certificate-request')) return fault('mixed');
  if (kinds.size > 1 || !isWanted(kind)) return fault('several');
  if (kind === 'certificate-request') return fault('several', kind);
  const ders = [];
  for (const line of opening) {
    // Text between them may stay: a chain is never taken in, only looked at.
    const block = readBlock(text, lines, line, kind);
    if (block.kind !== kind) return block;
    ders.push(block.der);
  }
  return { kind: 'chain', ders };
}

/** The contract of the upload allows no comments and no metadata lines beside the block. */
function surroundingFault(
  text: string,
  lines: readonly PemLine[],
  opening: PemLine,
  about: PemWanted,
): PasteFault | undefined {
  const closing = lineBehind(opening, lines);
  const before = text.slice(0, opening.start);
  const after = closing?.kind !== 'END' ? '' : text.slice(closing.end);
  if (before === '' && after === '') return undefined;
  if (/^[{[]/.test(before)) return fault('json', about);
  const isQuoted = /["'`=] ?$/.test(before) || (before === '' && /^["'`,;]+$/.test(after.trim()));
  return fault(isQuoted ? 'quoted' : 'text-around', about);
}

function readBlock(text: string, lines: readonly PemLine[], opening: PemLine, kind: PemWanted): Paste {
  const closing = lineBehind(opening, lines);
  if (closing?.kind !== 'END') {
    return fault(hasInexactLine(text.slice(opening.end), 'END') ? 'dashes' : 'cut-off', kind);
  }
  if (closing.label !== opening.label) return fault('end-label', kind);
  const body = text.slice(opening.end, closing.start);
  // Header lines of RFC 1421 section 4.6, which RFC 7468 section 2 takes out of the format.
  if (/^\s*[A-Za-z][A-Za-z0-9-]{0,40}:/.test(body)) return fault('headers-inside', kind);
  const der = decodeBase64(body);
  const found = der && recogniseDer(der);
  if (der === undefined || found === undefined) return fault('damaged', kind);
  if (found !== kind) return fault('wrong-label', isWanted(found) ? found : kind);
  return { kind, der };
}

function lineBehind(line: PemLine, lines: readonly PemLine[]): PemLine | undefined {
  return lines[lines.indexOf(line) + 1];
}

function isWanted(kind: LabelKind | undefined): kind is PemWanted {
  return kind === 'certificate' || kind === 'certificate-request';
}

function fault(problem: PasteProblem, about?: PemWanted): PasteFault {
  return { kind: 'problem', problem, about };
}
