import { describe, expect, test } from 'vitest';
import { ConfigurationError, EnvironmentMismatchError } from './errors.js';
import type { PartnerClientOptions } from './options.js';
import { readOptions } from './read-options.js';

const options: PartnerClientOptions = { environment: 'sandbox', clientId: 'client-1', clientSecret: 'secret-1' };

describe('options', () => {
  test('have the documented defaults', () => {
    expect(readOptions(options)).toMatchObject({
      systemAuthorities: true,
      minimumRemainingMs: undefined,
      renewAhead: true,
      timeoutMs: 60_000,
      attempts: 3,
      maximumDelayMs: 10_000,
    });
  });

  test.each([
    ['mTLS', { mTLS: { cert: 'client.pem', key: 'client.key' } }],
    ['timeout', { timeout: 5 }],
    ['tokens.early', { tokens: { early: true } }],
    ['retry.max', { retry: { max: 5 } }],
    ['mtls.certificate', { mtls: { cert: 'a', key: 'b', certificate: 'c' } }],
    ['environment.url', { environment: { baseUrl: 'https://api.example.com', url: 'x' } }],
  ])('[SDK-33] with the unknown member %s are refused: a misspelt one must not be ignored', (_, wrong) => {
    expect(() => readOptions({ ...options, ...(wrong as object) })).toThrow(ConfigurationError);
  });

  test.each<[string, Partial<Record<keyof PartnerClientOptions, unknown>>]>([
    ['no client id', { clientId: undefined }],
    ['an empty client id', { clientId: '' }],
    ['a client id with a line break', { clientId: 'a\nb' }],
    ['no secret', { clientSecret: undefined }],
    ['an empty secret', { clientSecret: '\n' }],
    ['a secret with a line break in it', { clientSecret: 'a\nb' }],
    ['a made-up issuedFor', { issuedFor: 'test' }],
    ['a timeout of nothing', { timeoutMs: 0 }],
    ['a timeout that setTimeout would cut', { timeoutMs: 2 ** 31 }],
    ['a timeout as text', { timeoutMs: '5000' }],
    ['half an attempt', { retry: { attempts: 1.5 } }],
    ['no attempt', { retry: { attempts: 0 } }],
    ['a delay that is no number', { retry: { maximumDelayMs: Number.NaN } }],
    ['a negative minimum', { tokens: { minimumRemainingSeconds: -1 } }],
    ['a word for a switch', { systemAuthorities: 'yes' }],
    ['an observer that is no function', { onEvent: {} }],
    ['no environment', { environment: null }],
    ['an environment of numbers', { environment: 5 }],
    ['mtls of nothing', { mtls: null }],
    ['mtls without a certificate', { mtls: {} }],
    ['mtls without a key', { mtls: { cert: 'a' } }],
    ['a PFX and a certificate', { mtls: { pfx: 'a', cert: 'b', key: 'c' } }],
    ['a certificate that is a number', { mtls: { cert: 5, key: 'b' } }],
    ['a passphrase that is a number', { mtls: { pfx: 'a', passphrase: 5 } }],
    ['a word for watching', { mtls: { pfx: 'a', watch: 'yes' } }],
    ['a negative time to reload', { mtls: { pfx: 'a', reloadSeconds: -1 } }],
    ['authorities that are a list', { ca: ['a'] }],
  ])('with %s are refused', (_, wrong) => {
    expect(() => readOptions({ ...options, ...(wrong as object) })).toThrow(ConfigurationError);
  });

  test('may have a certificate in each of its forms', () => {
    const bytes = new Uint8Array([1]);
    for (const mtls of [
      { cert: 'a', key: () => 'b' },
      { pfx: bytes, passphrase: () => 'p', reloadSeconds: 0 },
    ]) {
      expect(readOptions({ ...options, mtls, ca: bytes }).mtls).toBe(mtls);
    }
  });

  test('may have a secret as it comes out of a file, with a line break at its end', () => {
    expect(readOptions({ ...options, clientSecret: 'secret-1\r\n' }).clientSecret).toBe('secret-1');
  });

  test('[SDK-32] of two environments are refused', () => {
    expect(() => readOptions({ ...options, issuedFor: 'production' })).toThrow(EnvironmentMismatchError);
  });
});
