// What the compiler knows. `tsc -b` fails on a wrong line here.

import type { Readable } from 'node:stream';
import { expectTypeOf, test } from 'vitest';
import type {
  AccessToken,
  ApiResponse,
  JobClient,
  PartnerClient,
  PartnerClientError,
  PartnerClientOptions,
} from './index.js';

interface Profile {
  readonly id: number;
}

test('the body of an answer has the type that was asked for', () => {
  type Get = PartnerClient['get'];
  const get = null as unknown as Get;
  const calls = {
    unknown: () => get('/v1/x'),
    named: () => get<Profile>('/v1/x'),
    stream: () => get('/v1/x', { responseType: 'stream' }),
    text: () => get('/v1/x', { responseType: 'text' }),
    bytes: () => get('/v1/x', { responseType: 'bytes', timeoutMs: 5 }),
  };
  expectTypeOf<ReturnType<typeof calls.unknown>>().resolves.toEqualTypeOf<ApiResponse<unknown>>();
  expectTypeOf<ReturnType<typeof calls.named>>().resolves.toEqualTypeOf<ApiResponse<Profile>>();
  expectTypeOf<ReturnType<typeof calls.stream>>().resolves.toEqualTypeOf<ApiResponse<Readable>>();
  expectTypeOf<ReturnType<typeof calls.text>>().resolves.toEqualTypeOf<ApiResponse<string>>();
  expectTypeOf<ReturnType<typeof calls.bytes>>().resolves.toEqualTypeOf<ApiResponse<Uint8Array>>();
});

test('options that belong together are asked for together', () => {
  const base = { environment: 'sandbox', clientId: 'a', clientSecret: 'b' } as const;
  expectTypeOf({ ...base, mtls: { cert: 'c', key: 'k' } }).toExtend<PartnerClientOptions>();
  expectTypeOf({ ...base, mtls: { pfx: 'p', passphrase: 'x' } }).toExtend<PartnerClientOptions>();
  expectTypeOf({ ...base, mtls: { cert: 'c' } }).not.toExtend<PartnerClientOptions>();
  expectTypeOf({ ...base, mtls: { cert: 'c', key: 'k', pfx: 'p' } }).not.toExtend<PartnerClientOptions>();
  expectTypeOf({ environment: 'sandbox' as const, clientId: 'a' }).not.toExtend<PartnerClientOptions>();
});

test('an error is told by its kind', () => {
  expectTypeOf<PartnerClientError['kind']>().extract<'token' | 'api'>().toEqualTypeOf<'token' | 'api'>();
});

test('a job has the methods of a client, and its token', () => {
  expectTypeOf<JobClient['token']>().toEqualTypeOf<AccessToken>();
  expectTypeOf<JobClient['get']>().toEqualTypeOf<PartnerClient['get']>();
  expectTypeOf<JobClient>().not.toHaveProperty('close');
});
