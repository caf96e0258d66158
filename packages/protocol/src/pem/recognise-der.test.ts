import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recogniseDer } from './recognise-der.js';

// Outlines written by hand from the ASN.1 of the RFCs.

const der = (tag: number, ...content: Uint8Array[]) => {
  const inside = Buffer.concat(content);
  const length = inside.length < 128 ? [inside.length] : [0x81, inside.length];
  return Buffer.concat([Uint8Array.from([tag, ...length]), inside]);
};
const sequence = (...content: Uint8Array[]) => der(0x30, ...content);
const number = der(0x02, Uint8Array.of(1));
const bits = der(0x03, new Uint8Array(70));
const algorithm = sequence(der(0x06, Uint8Array.of(0x2a, 0x03)));
const name = sequence();
const time = der(0x17, Buffer.from('260914120000Z'));
const validity = sequence(time, time);
const keyInfo = sequence(algorithm, bits);
const version = der(0xa0, number);
const signed = (...content: Uint8Array[]) => sequence(sequence(...content), algorithm, bits);

describe('telling structures apart', () => {
  it.each([
    ['certificate', signed(number, algorithm, name, validity, name, keyInfo)],
    ['certificate', signed(version, number, algorithm, name, validity, name, keyInfo, der(0xa3, sequence()))],
    ['certificate', signed(version, number, algorithm, name, validity, name, keyInfo, der(0x81), der(0x82))],
    ['certificate-request', signed(number, name, keyInfo, der(0xa0))],
    ['certificate-request', signed(number, name, keyInfo)],
    ['crl', signed(algorithm, name, time)],
    ['crl', signed(number, algorithm, name, time, time, sequence(), der(0xa0, sequence()))],
    ['public-key', keyInfo],
    ['public-key', sequence(number, number)],
    ['pkcs7', sequence(der(0x06, Uint8Array.of(0x2a)), der(0xa0, sequence()))],
  ])('recognises a %s', (kind, bytes) => {
    expect(recogniseDer(bytes)).toBe(kind);
    expect(recogniseDer(Buffer.concat([bytes, Uint8Array.of(0)]))).toBeUndefined();
    expect(recogniseDer(bytes.subarray(0, -1))).toBeUndefined();
  });

  it.each([
    ['a certificate without a key', signed(version, number, algorithm, name, validity, name)],
    ['a certificate with one time', signed(version, number, algorithm, name, sequence(time), name, keyInfo)],
    ['a certificate with half a key', signed(version, number, algorithm, name, validity, name, algorithm)],
    ['a certificate with something behind', signed(number, algorithm, name, validity, name, keyInfo, number)],
    ['a request without a key', signed(number, name, name)],
    ['an unsigned request', sequence(sequence(number, name, keyInfo), algorithm)],
    ['a signature without its algorithm', sequence(sequence(number, name, keyInfo), sequence(), bits)],
    ['a key of no algorithm', sequence(sequence(number), bits)],
    ['a set', der(0x31, algorithm, bits)],
    ['an empty sequence', sequence()],
  ])('does not take %s for what it should be', (_name, bytes) => {
    expect(recogniseDer(bytes)).toBeUndefined();
  });

  it('never throws, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(() => recogniseDer(sequence(bytes, algorithm, bits))).not.toThrow();
        expect(() => recogniseDer(bytes)).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });
});
