import { createHash } from 'node:crypto';
import { type ChainSource, readChainLines } from './chain-source.js';
import type { TrailerLine } from './export-format.js';

/** Lines go out in blocks, because one call for each is slow. */
const blockCharacters = 64 * 1024;

/** Writes the chain as JSON lines, block by block, and the trailer when all the rest was written. */
export async function writeExport(
  source: ChainSource,
  write: (text: string) => Promise<void> | void,
): Promise<TrailerLine> {
  const hash = createHash('sha256');
  let entries = 0;
  let checkpoints = 0;
  let block = '';
  const writeBlock = async (): Promise<void> => {
    hash.update(block);
    await write(block);
    block = '';
  };
  for await (const line of readChainLines(source)) {
    if (line.type === 'entry') entries += 1;
    if (line.type === 'checkpoint') checkpoints += 1;
    block += `${JSON.stringify(line)}\n`;
    if (block.length >= blockCharacters) await writeBlock();
  }
  await writeBlock();
  const trailer: TrailerLine = { type: 'trailer', entries, checkpoints, sha256: hash.digest('hex') };
  await write(`${JSON.stringify(trailer)}\n`);
  return trailer;
}
