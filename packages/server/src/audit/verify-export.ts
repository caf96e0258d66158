import { type ChainSource, readChainLines } from './chain-source.js';
import type { TrailerLine } from './export-format.js';
import { readExport } from './read-export.js';
import { type ChainReport, createChainVerifier, type VerifyChain } from './verify-chain.js';

/** Judges an exported file: the chain in it, and whether all of the file is there. */
export async function verifyExport(stream: AsyncIterable<Uint8Array>, options: VerifyChain): Promise<ChainReport> {
  const verifier = createChainVerifier({ ...options, isFile: true });
  let end: TrailerLine | undefined;
  for await (const read of readExport(stream)) {
    if (end !== undefined) verifier.report('file_unreadable', null, 'There is something after the end of the export.');
    if (read.kind === 'unreadable') {
      verifier.report('file_unreadable', null, `Line ${read.lineNumber} can not be read.`);
    } else if (read.kind === 'line') verifier.add(read.line);
    else {
      end = read.trailer;
      if (!read.isUndamaged) {
        verifier.report('file_damaged', null, 'The file is not as it was written: its checksum is another one.');
      }
    }
  }
  const report = verifier.finish();
  if (end?.entries === report.entries && end.checkpoints === report.checkpoints) return report;
  const text =
    end === undefined
      ? `The file was cut off: it ends after ${report.entries} entries without saying that this is all.`
      : `The file says that it has ${end.entries} entries and ${end.checkpoints} checkpoints, and has ` +
        `${report.entries} and ${report.checkpoints}.`;
  return { ...report, problems: [...report.problems, { kind: 'file_incomplete', position: null, text }] };
}

/** Judges a chain where it is kept. */
export async function verifySource(source: ChainSource, options: VerifyChain): Promise<ChainReport> {
  const verifier = createChainVerifier(options);
  for await (const line of readChainLines(source)) verifier.add(line);
  return verifier.finish();
}
