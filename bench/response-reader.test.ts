import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ResponseReader } from './response-reader.js';

function encode(status: number, headers: readonly string[], body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} Text\r\n${headers.join('\r\n')}\r\n\r\n`), body]);
}

describe('ResponseReader', () => {
  it('returns the same answer however the bytes were split, and only with the last one', () => {
    const header = fc.constantFrom('Content-Type: application/json', 'x-trace-id: 0', 'x-content-length: 7');
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 599 }),
        fc.array(header),
        fc.constantFrom('Content-Length', 'content-length'),
        fc.uint8Array({ maxLength: 200 }),
        fc.array(fc.nat({ max: 400 })),
        (status, others, lengthName, body, cuts) => {
          const bytes = encode(status, [...others, `${lengthName}: ${body.length}`], body);
          const edges = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
            (a, b) => a - b,
          );
          const reader = new ResponseReader();
          const answers = edges.slice(1).map((end, index) => reader.push(bytes.subarray(edges[index], end)));
          const last = answers.pop();
          expect(answers.every((answer) => answer === undefined)).toBe(true);
          expect(last?.status).toBe(status);
          expect(last?.body).toEqual(Buffer.from(body));
        },
      ),
    );
  });

  it('reads answer after answer on one connection', () => {
    const reader = new ResponseReader();
    expect(reader.push(encode(200, ['Content-Length: 1'], Buffer.from('a')))?.body.toString()).toBe('a');
    expect(reader.push(encode(429, ['Content-Length: 2'], Buffer.from('bc')))).toMatchObject({ status: 429 });
  });

  it.each([
    ['has no Content-Length', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'],
    ['is followed by bytes nobody asked for', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab'],
    ['is not HTTP/1.1', 'HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n'],
  ])('refuses an answer that %s', (_case, bytes) => {
    expect(() => new ResponseReader().push(Buffer.from(bytes))).toThrow();
  });
});
