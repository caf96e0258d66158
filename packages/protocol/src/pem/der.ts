// The Distinguished Encoding Rules of ASN.1 (X.690 section 10), as far as telling one structure from another needs them:
// tags of one byte, definite lengths in their shortest form, one level at a time.

export interface DerElement {
  readonly tag: number;
  /** The range of its content. */
  readonly start: number;
  readonly end: number;
}

/** More than the structures that are told apart here have on any level that is looked at. */
const mostChildren = 16;

/** @returns undefined unless the bytes are exactly one element */
export function readDer(bytes: Uint8Array): DerElement | undefined {
  const element = readElement(bytes, 0, bytes.length);
  return element?.end === bytes.length ? element : undefined;
}

/** The elements inside of an element, or undefined when its content is anything else than a few whole elements. */
export function readChildren(bytes: Uint8Array, { start, end }: DerElement): readonly DerElement[] | undefined {
  const children = [];
  for (let at = start; at < end; ) {
    const child = readElement(bytes, at, end);
    if (child === undefined || children.length === mostChildren) return undefined;
    children.push(child);
    at = child.end;
  }
  return children;
}

function readElement(bytes: Uint8Array, at: number, limit: number): DerElement | undefined {
  const tag = bytes[at];
  const firstLength = bytes[at + 1];
  if (tag === undefined || firstLength === undefined || (tag & 0x1f) === 0x1f) return undefined;

  let start = at + 2;
  let length = firstLength;
  if (firstLength >= 0x80) {
    const lengthBytes = bytes.subarray(start, start + (firstLength & 0x7f));
    // 0x80 is the indefinite form. Three bytes reach beyond every size that is read here.
    if (lengthBytes.length === 0 || lengthBytes.length > 3) return undefined;
    length = lengthBytes.reduce((value, byte) => value * 256 + byte, 0);
    if (lengthBytes[0] === 0 || length < 0x80) return undefined;
    start += lengthBytes.length;
  }
  return start + length <= limit ? { tag, start, end: start + length } : undefined;
}
