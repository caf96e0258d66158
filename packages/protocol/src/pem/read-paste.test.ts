import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describePaste, encodePem, type PemWanted, readPaste } from './index.js';

// OpenSSL makes what is pasted, so that the oracle is not our own reading.

const opensslInstalled = spawnSync('openssl', ['version']).status === 0;
if (!opensslInstalled && process.env['CI'] === 'true') {
  throw new Error('The tests of pasted files need openssl, and CI must not skip them.');
}

const wantedKinds = ['certificate', 'certificate-request'] as const;

const problemOf = (input: string | Uint8Array, wanted: PemWanted) => {
  const intake = readPaste(input, wanted);
  return intake.ok ? 'accepted' : intake.problem;
};
const describedAs = (input: string | Uint8Array) => {
  const described = describePaste(input);
  return described.kind === 'problem' ? described.problem : described.kind;
};
const bodyOf = (pem: string) => pem.replace(/-----[^\n]*-----\n/g, '');
const derOf = (pem: string) => Uint8Array.from(Buffer.from(bodyOf(pem), 'base64'));
const utf16 = (text: string, mark = '\u{feff}') => Buffer.from(mark + text, 'utf16le');

describe.skipIf(!opensslInstalled)('what people paste', () => {
  let directory: string;
  const openssl = (...args: string[]) =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  const read = (name: string) => readFileSync(join(directory, name));

  const ecKey = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const subject = ['-utf8', '-subj', '/C=EE/O=Example Bank', '-config', 'openssl.cnf'];
  let golden: Record<PemWanted, string>;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tollward-pem-'));
    write(
      'openssl.cnf',
      [
        ...['[req]', 'distinguished_name = subject', '[subject]', '[asks]', 'subjectAltName = DNS:example.com'],
        ...['[ca]', 'default_ca = own', '[own]', 'database = index.txt', 'default_md = sha256', ''],
      ].join('\n'),
    );
    write('index.txt', '');
    openssl('genpkey', ...ecKey, '-out', 'key.pem');
    openssl('genpkey', '-algorithm', 'RSA', '-out', 'rsa.pem');
    openssl('req', '-new', '-key', 'key.pem', ...subject, '-out', 'request.pem');
    openssl('req', '-new', '-x509', '-days', '30', '-key', 'key.pem', ...subject, '-out', 'certificate.pem');
    golden = {
      certificate: read('certificate.pem').toString(),
      'certificate-request': read('request.pem').toString(),
    };
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  const other = (wanted: PemWanted): PemWanted => (wanted === 'certificate' ? 'certificate-request' : 'certificate');

  describe.each(wantedKinds)('when a %s is wanted', (wanted) => {
    const disguises: readonly [string, (pem: string) => string | Uint8Array][] = [
      ['as it is', (pem) => pem],
      ['without its last line end', (pem) => pem.trimEnd()],
      ['with white space around it', (pem) => ` \t\n${pem}\r\n\n `],
      ['with line ends of Windows', (pem) => pem.replaceAll('\n', '\r\n')],
      ['with a byte order mark', (pem) => `\u{feff}${pem}`],
      ['with written out line ends', (pem) => pem.replaceAll('\n', '\\n')],
      ['with written out line ends of Windows', (pem) => pem.replaceAll('\n', '\\r\\n')],
      ['with line ends written out twice', (pem) => pem.replaceAll('\n', '\\\\n')],
      ['with spaces for line ends', (pem) => pem.replaceAll('\n', ' ')],
      ['without any line end', (pem) => pem.replaceAll('\n', '')],
      ['indented', (pem) => pem.replaceAll('\n', '\n    ')],
      ['with empty lines', (pem) => pem.replaceAll('\n', '\n\n')],
      ['as the bytes of a file', (pem) => Buffer.from(pem)],
      ['as the bytes of a file with a byte order mark', (pem) => Buffer.from(`\u{feff}${pem}`)],
      ['as DER', (pem) => derOf(pem)],
    ];

    it.each(disguises)('accepts it %s', (_name, disguise) => {
      expect(readPaste(disguise(golden[wanted]), wanted)).toEqual({ ok: true, der: derOf(golden[wanted]) });
      expect(describePaste(disguise(golden[wanted]))).toEqual({ kind: wanted, der: derOf(golden[wanted]) });
    });

    it('accepts old labels that are still written', () => {
      const [line, old] =
        wanted === 'certificate'
          ? ['CERTIFICATE-----', 'X509 CERTIFICATE-----']
          : ['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'];
      expect(problemOf(golden[wanted].replaceAll(line, old), wanted)).toBe('accepted');
    });

    it('gives the same bytes for any white space in any of these disguises', () => {
      const space = fc.array(fc.constantFrom('\n', '\r\n', ' ', '\t', '\\n', '\\r\\n'), { maxLength: 3 });
      const characters = [...bodyOf(golden[wanted]).replaceAll('\n', '')];
      const [first = '', last = ''] = golden[wanted].match(/-----.*-----/g) ?? [];
      fc.assert(
        fc.property(fc.array(space, { maxLength: 30 }), fc.integer({ min: 1, max: 90 }), (spaces, width) => {
          const nextSpace = (at: number) => spaces[at % spaces.length]?.join('') ?? '';
          const body = characters.map((character, at) => (at % width === 0 ? nextSpace(at) : '') + character).join('');
          const pasted = `${nextSpace(1)}${first}${nextSpace(2)}${body}${nextSpace(3)}${last}${nextSpace(4)}`;
          expect(readPaste(pasted, wanted)).toEqual({ ok: true, der: derOf(golden[wanted]) });
        }),
      );
    });

    // What is done to the golden PEM, and what is said about it.
    const broken: readonly [string, string, (pem: string) => string | Uint8Array][] = [
      ['nothing', 'empty', () => ''],
      ['no bytes', 'empty', () => new Uint8Array()],
      ['white space only', 'empty', () => '\u{feff} \r\n\t'],
      ['written out line ends only', 'empty', () => '\\n\\n'],
      ['the two in one file', 'mixed', () => golden.certificate + golden['certificate-request']],
      ['the other one with its label', other(wanted), () => golden[other(wanted)]],
      ['the other one without its label', other(wanted), () => bodyOf(golden[other(wanted)])],
      ['the other one as DER', other(wanted), () => derOf(golden[other(wanted)])],
      ['the other one, damaged', other(wanted), () => golden[other(wanted)].replace('\nMI', '\nMJ')],
      ['its body alone', 'headers-missing', bodyOf],
      ['its body alone in one line', 'headers-missing', (pem) => bodyOf(pem).replaceAll('\n', '')],
      ['its body alone in base64url', 'headers-missing', (pem) => Buffer.from(derOf(pem)).toString('base64url')],
      ['it without its first line', 'headers-missing', (pem) => pem.replace(/^.*\n/, '')],
      ['it without its last line', 'cut-off', (pem) => pem.replace(/-----END.*\n$/, '')],
      ['the first half of it', 'cut-off', (pem) => pem.slice(0, pem.length / 2)],
      ['it with half of a last line', 'cut-off', (pem) => pem.replace(/END .*\n$/, 'EN')],
      ['it with a last line that lost its dashes', 'dashes', (pem) => pem.slice(0, -5)],
      ['it with long dashes', 'dashes', (pem) => pem.replaceAll('--', '\u{2014}')],
      ['it with a long dash in its last line', 'dashes', (pem) => pem.replace(/--(?=END)/, '\u{2013}')],
      ['it with a long dash in its first line', 'dashes', (pem) => pem.replace('--', '\u{2014}')],
      ['it with four dashes', 'dashes', (pem) => pem.replaceAll('-----', '----')],
      ['it with lines in small letters', 'dashes', (pem) => pem.replaceAll(/-----.*/g, (line) => line.toLowerCase())],
      ['it with another last line', 'end-label', (pem) => pem.replace('END ', 'END X509 ')],
      ['it with a comment before', 'text-around', (pem) => `# our bank\n${pem}`],
      ['it with a comment behind', 'text-around', (pem) => `${pem}bye`],
      ['it with the last line twice', 'text-around', (pem) => pem + (/-----END.*/.exec(pem)?.[0] ?? '')],
      ['it quoted in a mail', 'text-around', (pem) => pem.replaceAll(/^/gm, '> ')],
      ['it in quotes', 'quoted', (pem) => `"${pem}"`],
      ['it in quotes with written out line ends', 'quoted', (pem) => JSON.stringify(pem)],
      ['it in an environment file', 'quoted', (pem) => `CLIENT_PEM='${pem.replaceAll('\n', '\\n')}'\n`],
      ['it in an environment file without quotes', 'quoted', (pem) => `export CLIENT_PEM=${pem}`],
      ['it with a quote behind', 'quoted', (pem) => `${pem}",`],
      ['it in JSON', 'json', (pem) => JSON.stringify({ pem })],
      ['it in a JSON array', 'json', (pem) => JSON.stringify([pem], null, 2)],
      ['it with headers inside', 'headers-inside', (pem) => pem.replace('-----\n', '-----\nComment: mine\n\n')],
      ['it with a foreign character', 'damaged', (pem) => pem.replace('\nMI', '\n*MI')],
      ['it with a line missing', 'damaged', (pem) => pem.replace(/\n.*\n(?=.*\n-----END)/, '\n')],
      ['it with a character missing', 'damaged', (pem) => pem.replace('\nMI', '\nM')],
      [
        'it in base64url',
        'damaged',
        (pem) => pem.replace(bodyOf(pem), `${Buffer.from(derOf(pem)).toString('base64url')}\n`),
      ],
      ['its label around other bytes', 'damaged', (pem) => pem.replace(bodyOf(pem), 'AAAA\n')],
      ['DER with bytes behind', 'damaged', (pem) => Buffer.concat([derOf(pem), Buffer.from('\n')])],
      ['DER cut off', 'damaged', (pem) => derOf(pem).subarray(0, -1)],
      ['DER that was read as UTF-8', 'binary', (pem) => Buffer.from(derOf(pem)).toString('utf8')],
      ['DER that was read as Latin-1', 'binary', (pem) => Buffer.from(derOf(pem)).toString('latin1')],
      ['UTF-16', 'utf-16', (pem) => utf16(pem)],
      ['UTF-16 without a byte order mark', 'utf-16', (pem) => utf16(pem, '')],
      ['UTF-16 of the other byte order', 'utf-16', (pem) => utf16(pem).swap16()],
      ['UTF-16 that was read as UTF-8', 'utf-16', (pem) => utf16(pem).toString('utf8')],
      ['UTF-16 that was read as Latin-1', 'utf-16', (pem) => utf16(pem).toString('latin1')],
      ['it with zero bytes behind', 'nul-bytes', (pem) => `${pem}\0\0`],
      ['zero bytes', 'nul-bytes', () => new Uint8Array(100)],
      ['a greeting', 'not-recognised', () => 'hello'],
      ['an unknown label', 'not-recognised', (pem) => pem.replaceAll(/CERTIFICATE.*(?=-----)/g, 'SOMETHING')],
      ['base64 of something', 'not-recognised', () => randomBytes(300).fill(0, 0, 1).toString('base64')],
      ['DER of something', 'not-recognised', () => Buffer.from('3003020107', 'hex')],
    ];

    it.each(broken)('says what is wrong with %s: %s', (_name, problem, damage) => {
      expect(problemOf(damage(golden[wanted]), wanted)).toBe(problem);
    });

    it('names the wanted thing in every remedy, and says it in one or two sentences', () => {
      const name = wanted === 'certificate' ? /certificate/i : /certificate request/i;
      for (const [, , damage] of broken) {
        const intake = readPaste(damage(golden[wanted]), wanted);
        if (intake.ok) throw new Error('a broken paste was accepted');
        expect(intake.remedy).toMatch(name);
        expect(intake.remedy.split(/[.:] (?=[A-Z])/).length).toBeLessThanOrEqual(2);
      }
    });

    it('names the openssl command that mends DER and that drops text', () => {
      const tool = wanted === 'certificate' ? 'openssl x509 ' : 'openssl req ';
      for (const input of [Buffer.from(derOf(golden[wanted])).toString('latin1'), `text\n${golden[wanted]}`]) {
        expect(readPaste(input, wanted)).toMatchObject({ remedy: expect.stringContaining(tool) });
      }
    });

    it('refuses what openssl prints around a block', () => {
      const tool = wanted === 'certificate' ? 'x509' : 'req';
      const file = wanted === 'certificate' ? 'certificate.pem' : 'request.pem';
      expect(problemOf(openssl(tool, '-in', file, '-text'), wanted)).toBe('text-around');
      const bag = 'Bag Attributes\n    localKeyID: 01 02\nsubject=C = EE\n\nissuer=C = EE\n\n';
      expect(problemOf(bag + golden[wanted], wanted)).toBe('text-around');
    });

    it('takes it up to its size and not a byte more', () => {
      const mostBytes = wanted === 'certificate' ? 65_536 : 16_384;
      expect(problemOf(golden[wanted].padEnd(mostBytes), wanted)).toBe('accepted');
      expect(problemOf(golden[wanted].padEnd(mostBytes + 1), wanted)).toBe('too-large');
      expect(problemOf(Buffer.from(golden[wanted].padEnd(mostBytes + 1)), wanted)).toBe('too-large');
    });

    it('tells the other files of this trade', () => {
      openssl('pkey', '-in', 'key.pem', '-pubout', '-out', 'public.pem');
      openssl('rsa', '-in', 'rsa.pem', '-RSAPublicKey_out', '-out', 'rsa-public.pem');
      openssl('crl2pkcs7', '-nocrl', '-certfile', 'certificate.pem', '-out', 'certificate.p7b');
      const authority = ['-config', 'openssl.cnf', '-keyfile', 'key.pem', '-cert', 'certificate.pem'];
      openssl('ca', '-gencrl', ...authority, '-crldays', '3', '-out', 'list.pem');
      for (const [file, problem] of [
        ['public.pem', 'public-key'],
        ['rsa-public.pem', 'public-key'],
        ['list.pem', 'crl'],
        ['certificate.p7b', 'pkcs7'],
      ] as const) {
        const pem = read(file).toString();
        for (const form of [pem, bodyOf(pem), derOf(pem)]) expect(problemOf(form, wanted)).toBe(problem);
        expect(problemOf(golden[wanted] + pem, wanted)).toBe('several');
      }
    });
  });

  it('accepts certificates and requests of other kinds than the usual ones', () => {
    const requestOptions = ['-new', '-key', 'rsa.pem', '-config', 'openssl.cnf'];
    openssl('req', ...requestOptions, '-subj', '/', '-out', 'empty-subject.pem');
    openssl('req', ...requestOptions, '-subj', '/O=A', '-reqexts', 'asks', '-out', 'asks.pem');
    openssl('x509', '-req', '-in', 'asks.pem', '-signkey', 'rsa.pem', '-set_serial', '1', '-out', 'version1.pem');
    openssl('req', '-x509', ...requestOptions, '-days', '30000', '-subj', '/O=A', '-out', 'rsa-certificate.pem');
    for (const [file, kind] of [
      ['empty-subject.pem', 'certificate-request'],
      ['asks.pem', 'certificate-request'],
      ['version1.pem', 'certificate'],
      ['rsa-certificate.pem', 'certificate'],
    ] as const) {
      const pem = read(file).toString();
      expect(readPaste(pem, kind)).toEqual({ ok: true, der: derOf(pem) });
      expect(readPaste(derOf(pem), kind)).toEqual({ ok: true, der: derOf(pem) });
    }
    expect(openssl('x509', '-in', 'version1.pem', '-noout', '-text')).toContain('Version: 1 ');
  });

  it('wants the own certificate out of a chain, and shows all of a chain to who asks what it is', () => {
    const { certificate } = golden;
    const chain = `${certificate}\nissuer=O = Example\n${certificate.replaceAll('\n', '\r\n')}`;
    expect(readPaste(chain, 'certificate')).toMatchObject({
      problem: 'chain',
      remedy: expect.stringMatching(/your own certificate.*first.*tollward certs inspect/),
    });
    expect(problemOf(chain, 'certificate-request')).toBe('certificate');
    expect(describePaste(chain)).toEqual({ kind: 'chain', ders: [derOf(certificate), derOf(certificate)] });
    expect(describedAs(chain.replace('\nMI', '\n*'))).toBe('damaged');
  });

  it('wants one request out of several', () => {
    const two = golden['certificate-request'].repeat(2);
    expect(problemOf(two, 'certificate-request')).toBe('several');
    expect(problemOf(two, 'certificate')).toBe('certificate-request');
    expect(describedAs(two)).toBe('several');
  });

  it('refuses a block whose label names another thing than it holds', () => {
    const request = derOf(golden['certificate-request']);
    expect(problemOf(encodePem('CERTIFICATE', request), 'certificate-request')).toBe('wrong-label');
    expect(problemOf(encodePem('CERTIFICATE', request), 'certificate')).toBe('certificate-request');
    expect(describedAs(encodePem('CERTIFICATE', request))).toBe('wrong-label');
  });

  it('refuses the form with trust settings, which only openssl reads', () => {
    const trusted = openssl('x509', '-in', 'certificate.pem', '-trustout', '-addtrust', 'clientAuth');
    expect(problemOf(trusted, 'certificate')).toBe('trusted-certificate');
    expect(problemOf(trusted, 'certificate-request')).toBe('certificate');
  });

  it.each([
    ['\\', '\\'],
    ['opening lines', '-----BEGIN CERTIFICATE-----'],
    ['halves of opening lines', '-----BEGIN '],
    ['halves of closing lines', '-END '],
    ['halves of labels of keys', '-BEGIN PRIVATE '],
    ['starts of base64', 'MI '],
    ['starts of hex', '30 '],
    ['empty quotes', '"d": kty '],
    ['zero bytes', '0\0'],
    ['white space', ' \n'],
    ['letters', 'A'],
  ])('answers for 64 KiB of %s, and for 1 MiB', (_name, fragment) => {
    for (const size of [64 * 1024, 1024 * 1024]) {
      const hostile = fragment.repeat(size / fragment.length);
      expect(describePaste(hostile).kind).toBe('problem');
      expect(describePaste(Buffer.from(hostile)).kind).toBe('problem');
    }
  });

  it('never throws, and takes in nothing but the golden bytes, whatever it is made of', () => {
    const { certificate, 'certificate-request': request } = golden;
    const lines = [...certificate.trim().split('\n'), ...request.trim().split('\n')];
    const fragment = fc.oneof(
      fc.constantFrom(certificate, request, ...lines, '\n', '\\n', ' ', '"', '-----', '\0'),
      fc.string({ unit: 'binary' }),
    );
    const text = fc.array(fragment, { maxLength: 8 }).map((fragments) => fragments.join('\n'));
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      text.map((made) => Buffer.from(made, 'latin1')),
    );
    fc.assert(
      fc.property(fc.oneof(text, bytes), (input) => {
        for (const wanted of wantedKinds) {
          const intake = readPaste(input, wanted);
          if (intake.ok) expect(intake.der).toEqual(derOf(golden[wanted]));
          else expect(intake.remedy).not.toBe('');
        }
        expect(() => describePaste(input)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  it('names both welcome things when somebody asks what nothing is', () => {
    expect(describePaste('')).toMatchObject({
      kind: 'problem',
      problem: 'empty',
      remedy: expect.stringContaining('certificate or certificate request'),
    });
  });
});
