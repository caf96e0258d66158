// The Basic Encoding Rules of ASN.1 (X.690 section 8), which programs still write PKCS #12 in: definite and indefinite lengths, octet
// strings in one piece or in several, tags of one byte.

export interface BerElement {
  readonly tag: number;
  readonly content: Uint8Array;
}

const isConstructed = 0x20;
const indefinite = 0x80;

/** All elements, one after the other. @throws Error when the bytes are anything else */
export function readBer(bytes: Uint8Array): readonly BerElement[] {
  const elements = [];
  for (let at = 0; at < bytes.length; ) {
    const { element, end } = readElement(bytes, at);
    elements.push(element);
    at = end;
  }
  return elements;
}

/** Of an octet string, whatever its tag. */
export function octetsOf({ tag, content }: BerElement): Uint8Array {
  return (tag & isConstructed) === 0 ? content : Buffer.concat(readBer(content).map(octetsOf));
}

/** @throws Error when there are fewer */
export function nth(elements: readonly BerElement[], index: number): BerElement {
  const element = elements[index];
  if (element === undefined) throw new Error('a part is missing');
  return element;
}

function readElement(bytes: Uint8Array, at: number): { readonly element: BerElement; readonly end: number } {
  const tag = byteAt(bytes, at);
  if ((tag & 0x1f) === 0x1f) throw new Error('the tag is too long');
  const first = byteAt(bytes, at + 1);
  let start = at + 2;
  if (first === indefinite) {
    let end = start;
    while (byteAt(bytes, end) !== 0 || byteAt(bytes, end + 1) !== 0) end = readElement(bytes, end).end;
    return { element: { tag, content: bytes.subarray(start, end) }, end: end + 2 };
  }
  let length = first;
  if (first > indefinite) {
    length = 0;
    for (const last = start + (first & 0x7f); start < last; start += 1) length = length * 256 + byteAt(bytes, start);
  }
  const end = start + length;
  if (end > bytes.length) throw new Error('the end is missing');
  return { element: { tag, content: bytes.subarray(start, end) }, end };
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new Error('the end is missing');
  return byte;
}
