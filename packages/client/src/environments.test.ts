import { formatSecret } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { checkIssuedFor, checkSecret, resolveEnvironment } from './environments.js';
import { ConfigurationError, EnvironmentMismatchError } from './errors.js';

const secretOf = (environment: 'sandbox' | 'production') => formatSecret(environment, 'cs', new Uint8Array(32).fill(7));

describe('an environment', () => {
  test.each([
    ['sandbox', true, 'https://api-mtls.wise-sandbox.com'],
    ['sandbox', false, 'https://api.wise-sandbox.com'],
    ['production', true, 'https://api-mtls.transferwise.com'],
    ['production', false, 'https://api.wise.com'],
  ] as const)('[SDK-30] %s with mtls %s is %s', (name, mtls, origin) => {
    expect(resolveEnvironment(name, mtls)).toEqual({ origin, basePath: '', name });
  });

  test.each([
    ['https://api.example.com', 'https://api.example.com', '', undefined],
    ['https://api.example.com:8443/', 'https://api.example.com:8443', '', undefined],
    ['https://API.example.com/2026Q3/', 'https://api.example.com', '/2026Q3', undefined],
    ['https://api-mtls.transferwise.com', 'https://api-mtls.transferwise.com', '', 'production'],
    ['https://api-mtls.transferwise.com./', 'https://api-mtls.transferwise.com', '', 'production'],
    ['https://api-mtls.sandbox.transferwise.tech', 'https://api-mtls.sandbox.transferwise.tech', '', 'sandbox'],
  ])('is read from the base URL %s', (baseUrl, origin, basePath, name) => {
    expect(resolveEnvironment(baseUrl, true)).toEqual({ origin, basePath, name });
  });

  test('has the name that comes with its base URL', () => {
    const option = { baseUrl: 'https://api.example.com', name: 'sandbox' } as const;
    expect(resolveEnvironment(option, true).name).toBe('sandbox');
  });

  test.each([
    'Sandbox',
    '',
    'api.example.com',
    'ftp://api.example.com',
    'https://u:p@api.example.com',
    'https://a.example/?q',
    'https://a.example/#f',
  ])('is not %j', (option) => {
    expect(() => resolveEnvironment(option, false)).toThrow(ConfigurationError);
  });

  test.each(['http://127.0.0.1:8080', 'http://localhost:8080', 'http://[::1]:8080'])(
    '[SDK-31] may be %s, which does not leave the machine, without mtls only',
    (url) => {
      expect(resolveEnvironment(url, false).origin).toBe(url);
      expect(() => resolveEnvironment(url, true)).toThrow(/needs https/);
    },
  );

  test.each([
    'http://api.example.com',
    'http://10.0.0.1',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
  ])('[SDK-31] is not %s, where the token could be read on the way', (url) => {
    expect(() => resolveEnvironment(url, false)).toThrow(ConfigurationError);
  });
});

test.each([
  ['https://api.wise.com', 'api-mtls.transferwise.com'],
  ['https://api.transferwise.com.', 'api-mtls.transferwise.com'],
  ['https://api.wise-sandbox.com', 'api-mtls.wise-sandbox.com'],
  ['https://api.sandbox.transferwise.tech', 'api-mtls.sandbox.transferwise.tech'],
])('[SDK-30] %s with mtls is refused with the host that asks for a certificate', (baseUrl, right) => {
  expect(() => resolveEnvironment(baseUrl, true)).toThrow(right);
  expect(() => resolveEnvironment(baseUrl, false)).not.toThrow();
});

describe('credentials of the other environment', () => {
  const sandbox = resolveEnvironment('sandbox', true);
  const unnamed = resolveEnvironment('https://api.example.com', true);

  test('[SDK-32] are told by the host and its name', () => {
    for (const baseUrl of ['https://api.wise.com', 'https://api.wise.com.']) {
      expect(() => resolveEnvironment({ baseUrl, name: 'sandbox' }, true)).toThrow(EnvironmentMismatchError);
    }
  });

  test('[SDK-32] are told by issuedFor', () => {
    expect(() => checkIssuedFor(sandbox, 'production')).toThrow(EnvironmentMismatchError);
    expect(() => checkIssuedFor(sandbox, 'sandbox')).not.toThrow();
    expect(() => checkIssuedFor(unnamed, 'production')).not.toThrow();
  });

  test('[SDK-32] are told by the prefix of a secret, which the error does not repeat', () => {
    const secret = secretOf('production');
    expect(() => checkSecret(secret, sandbox, undefined)).toThrow(EnvironmentMismatchError);
    expect(() => checkSecret(secret, unnamed, 'sandbox')).toThrow(EnvironmentMismatchError);
    expect(() => checkSecret(secret, sandbox, undefined)).not.toThrow(new RegExp(secret));
    expect(() => checkSecret(secret, unnamed, undefined)).not.toThrow();
    expect(() => checkSecret(secretOf('sandbox'), sandbox, 'sandbox')).not.toThrow();
  });

  test('are not guessed from a secret of another form', () => {
    expect(() => checkSecret('5f3b-prd-9a', sandbox, undefined)).not.toThrow();
  });

  test.each([
    ['cut off', secretOf('sandbox').slice(0, -3)],
    ['changed', `${secretOf('sandbox').slice(0, -1)}!`],
    ['a refresh token', formatSecret('sandbox', 'rt', new Uint8Array(32))],
  ])('is found to be %s before it is sent', (_, secret) => {
    expect(() => checkSecret(secret, sandbox, undefined)).toThrow(ConfigurationError);
  });
});
