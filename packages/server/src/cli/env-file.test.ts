import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderEnvFile } from '../dev/env-file.js';
import { SecretValue } from '../platform/secret-value.js';
import { formatEnvFile, parseEnvFile } from './env-file.js';

const value = fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\r\n]/.test(text));
const awkward = 'a "quoted" \\ path, $HOME and `id` and \'more\'';

function parsed(text: string): Record<string, string> {
  const result = parseEnvFile(text);
  return result.ok ? Object.fromEntries(result.values) : { failedAtLine: String(result.line) };
}

describe('an env file', () => {
  it('gives every value back that was written', () => {
    fc.assert(
      fc.property(value, value, (first, second) => {
        expect(parsed(formatEnvFile({ FIRST: first, SECOND: second }))).toEqual({ FIRST: first, SECOND: second });
      }),
    );
  });

  it('means the same to a shell, which expands and runs nothing in it', () => {
    const script = `${formatEnvFile({ VALUE: awkward })}printf %s "$VALUE"`;
    expect(execFileSync('sh', ['-c', script]).toString()).toBe(awkward);
  });

  it('can be the one that dev writes, wherever the data directory lies', () => {
    const partner = {
      clientId: 'cli_1',
      secret: new SecretValue('tlw_sbx_cs_x'),
      certificateFile: `/home/${awkward}/client.pem`,
      keyFile: '/home/plain/client.key',
      curlConfigFile: '',
    };
    const urls = { api: 'https://localhost:8443', 'api-mtls': 'https://localhost:8444' };
    expect(parsed(renderEnvFile({ urls, caFile: '/home/ö x/ca.pem', partner, other: partner }))).toMatchObject({
      MTLS_URL: 'https://localhost:8444',
      CA_FILE: '/home/ö x/ca.pem',
      CLIENT_SECRET: 'tlw_sbx_cs_x',
      OTHER_CLIENT_CERT: `/home/${awkward}/client.pem`,
      OTHER_CLIENT_KEY: '/home/plain/client.key',
    });
  });

  it('may have plain words, empty values, blank lines and comments', () => {
    expect(parsed('# made by hand\n\nA=https://localhost:8443\r\nB=\n  C="x y"  \n')).toEqual({
      A: 'https://localhost:8443',
      B: '',
      C: 'x y',
    });
  });

  it.each([
    ['a shell command', 'A=1\nB=$(id)'],
    ['a variable inside quotes', 'A=1\nB="$HOME"'],
    ['an open quote', 'A=1\nB="x'],
    ['text behind the quotes', 'A=1\nB="x"y'],
    ['no name', 'A=1\n=x'],
    ['a line that is no assignment', 'A=1\nexport'],
  ])('is refused for %s, by the number of the line', (_case, text) => {
    expect(parseEnvFile(text)).toEqual({ ok: false, line: 2 });
  });

  it('never makes the parser throw', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseEnvFile(text)));
  });
});
