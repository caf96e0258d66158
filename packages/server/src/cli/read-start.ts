// What people hand to a command, from a file or standard input, either of which may never end.

/** One byte more than anything that a command reads may have, which is enough to see that there is too much. */
export const mostInputBytes = 64 * 1024 + 1;

/** The first bytes of a stream, which is closed when there are more. A pipe gives them in pieces. */
export async function readStart(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of stream) {
    pieces.push(piece);
    length += piece.length;
    if (length >= mostInputBytes) break;
  }
  return Buffer.concat(pieces).subarray(0, mostInputBytes);
}
