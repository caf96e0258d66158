// Reads an exported chain from a stream, whatever its size: lines of JSON, judged one at a time.

import { createHash } from 'node:crypto';
import { type ChainLine, exportedLineSchema, type TrailerLine } from './export-format.js';

export type ExportedLine =
  | { readonly kind: 'line'; readonly line: ChainLine }
  | { readonly kind: 'unreadable'; readonly lineNumber: number }
  /** The end of a complete file. */
  | { readonly kind: 'trailer'; readonly trailer: TrailerLine; readonly isUndamaged: boolean };

/** Far more than any entry has. A file without line ends must not fill the memory. */
const longestLine = 1_048_576;

export async function* readExport(stream: AsyncIterable<Uint8Array>): AsyncGenerator<ExportedLine> {
  const hash = createHash('sha256');
  let lineNumber = 0;
  for await (const bytes of splitLines(stream)) {
    lineNumber += 1;
    const parsed = parseLine(bytes);
    if (parsed === undefined) yield { kind: 'unreadable', lineNumber };
    else if (parsed.type !== 'trailer') yield { kind: 'line', line: parsed };
    // A copy, because the trailer of a damaged file may not be the last line.
    else yield { kind: 'trailer', trailer: parsed, isUndamaged: parsed.sha256 === hash.copy().digest('hex') };
    hash.update(bytes).update('\n');
  }
}

function parseLine(bytes: Buffer): ChainLine | TrailerLine | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return exportedLineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

async function* splitLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of stream) {
    let from = 0;
    const bytes = Buffer.concat([rest, piece]);
    for (let end = bytes.indexOf(0x0a); end !== -1; end = bytes.indexOf(0x0a, from)) {
      yield bytes.subarray(from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > longestLine) break;
  }
  if (rest.length > 0) yield rest;
}
