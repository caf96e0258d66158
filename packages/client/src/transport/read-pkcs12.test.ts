import { createPrivateKey, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BerElement, octetsOf, readBer } from './ber.js';
import { makePair, makePfx } from './openssl-for-tests.js';
import { readPkcs12 } from './read-pkcs12.js';

const root = makePair({ subject: '/CN=root', isAuthority: true });
const own = makePair({ subject: '/CN=worker', issuer: root });
const rsa = makePair({ subject: '/CN=rsa', keyKind: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'] });
const chain = { key: own.key, cert: own.cert + root.cert };
const passphrase = 'open sesame';

function contentOf(pfx: Uint8Array, secret = passphrase) {
  const { keys, certificates } = readPkcs12(pfx, secret);
  return {
    keys: keys.map((key) => key.export({ type: 'pkcs8', format: 'pem' })),
    certificates: certificates.map((certificate) => certificate.toString()).sort(),
  };
}

function expected({ key, cert }: { key: string; cert: string }) {
  const blocks = cert.split(/(?<=-----END CERTIFICATE-----\n)/).filter((block) => block !== '');
  return {
    keys: [createPrivateKey(key).export({ type: 'pkcs8', format: 'pem' })],
    certificates: blocks.map((block) => new X509Certificate(block).toString()).sort(),
  };
}

describe('[SDK-01] the key and all certificates of a PFX are read, as openssl writes it', () => {
  const encrypted = (name: string) => ['-keypbe', name, '-certpbe', name];
  const rows: Record<string, readonly string[]> = {
    'by default': [],
    'with AES-128': encrypted('AES-128-CBC'),
    'with AES-192': encrypted('AES-192-CBC'),
    'with 3DES of PKCS #12': encrypted('PBE-SHA1-3DES'),
    'with 3DES of PKCS #5': encrypted('DES-EDE3-CBC'),
    'without encryption': encrypted('NONE'),
    'with many iterations': ['-iter', '100000'],
  };
  for (const [name, options] of Object.entries(rows)) {
    test(`${name}`, () => {
      expect(contentOf(makePfx(chain, ...options, '-passout', `pass:${passphrase}`))).toEqual(expected(chain));
    });
  }

  test('with a key of RSA', () => {
    expect(contentOf(makePfx(rsa, '-passout', `pass:${passphrase}`))).toEqual(expected(rsa));
  });

  for (const [name, secret] of Object.entries({ empty: '', 'not of ASCII': 'Schlüssel €', long: 'x'.repeat(200) })) {
    test(`with a passphrase that is ${name}`, () => {
      for (const options of [[], encrypted('PBE-SHA1-3DES')]) {
        expect(contentOf(makePfx(chain, ...options, '-passout', `pass:${secret}`), secret)).toEqual(expected(chain));
      }
    });
  }

  test('and as others write it, with indefinite lengths and octet strings in pieces', () => {
    for (const options of [[], encrypted('PBE-SHA1-3DES'), encrypted('NONE')]) {
      const pfx = makePfx(chain, ...options, '-passout', `pass:${passphrase}`);
      expect(contentOf(Buffer.concat(readBer(pfx).map(indefinite)))).toEqual(expected(chain));
    }
  });
});

/** The same in the other form of BER. */
function indefinite({ tag, content }: BerElement): Buffer {
  const inner = (parts: readonly BerElement[]) => Buffer.concat(parts.map(indefinite));
  if ((tag & 0x20) !== 0) return Buffer.concat([Buffer.from([tag, 0x80]), inner(readBer(content)), Buffer.alloc(2)]);
  if (tag !== 0x04 && tag !== 0x80) return definite(tag, content);
  const half = content.length >> 1;
  const pieces = [definite(0x04, content.subarray(0, half)), definite(0x04, content.subarray(half))];
  return Buffer.concat([Buffer.from([tag | 0x20, 0x80]), ...pieces, Buffer.alloc(2)]);
}

function definite(tag: number, content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([Buffer.from([tag, 0x84]), length, content]);
}

describe('[SDK-02] BER', () => {
  test('is read as it was written, in both forms', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 }), (contents) => {
        for (const write of [definite, (tag: number, content: Uint8Array) => indefinite({ tag, content })]) {
          const read = readBer(Buffer.concat(contents.map((content) => write(0x04, content))));
          expect(read.map((element) => Buffer.from(octetsOf(element)))).toEqual(
            contents.map((part) => Buffer.from(part)),
          );
        }
      }),
    );
  });

  test('that is cut off anywhere is refused', () => {
    const pfx = makePfx(own, '-passout', 'pass:');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: pfx.length - 1 }), (length) => {
        expect(() => readBer(pfx.subarray(0, length))).toThrow();
      }),
    );
  });

  test('of any bytes is read or refused with an Error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          readBer(bytes);
        } catch (error) {
          expect((error as Error).message).toMatch(/missing|too long/);
        }
      }),
    );
  });
});
