import { randomFillSync } from 'node:crypto';

/** Gives `length` fresh random bytes from the system's generator. */
export type RandomBytes = (length: number) => Buffer;

const poolBytes = 4096;
const idsAtOnce = 64;

/**
 * Hands out slices of a block filled in one call: asking the generator for 16 bytes costs almost as much as asking for
 * 4096. A slice is never handed out twice, and a used block is left to the garbage collector, not refilled.
 */
export function createRandomPool(fill: (block: Buffer) => void = randomFillSync): RandomBytes {
  let block = Buffer.alloc(0);
  let used = 0;
  return (length) => {
    if (used + length > block.length) {
      block = Buffer.allocUnsafeSlow(Math.max(poolBytes, length));
      fill(block);
      used = 0;
    }
    used += length;
    return block.subarray(used - length, used);
  };
}

/** Makes 32 hex digits at a time out of 16 random bytes each, many in one conversion. */
export function createHexIds(random: RandomBytes): () => string {
  let block = '';
  let used = 0;
  return () => {
    if (used === block.length) {
      block = random(idsAtOnce * 16).toString('hex');
      used = 0;
    }
    used += 32;
    return block.slice(used - 32, used);
  };
}
