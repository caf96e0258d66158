import { environments } from '@tollward/protocol';
import { describe, expect, test } from 'vitest';
import { type Settings, settingsSchema } from './platform/config/settings.js';
import { findServeProblems, unsafeSettings } from './serve-settings.js';

const good = {
  databaseUrl: 'postgresql://tollward@db.example/tollward?sslmode=verify-full',
  masterKey: Buffer.alloc(32, 1).toString('base64'),
  sandboxApiUrl: 'https://api.sandbox.example',
  sandboxMtlsUrl: 'https://mtls.sandbox.example',
};

function problemsOf(changes: Partial<Record<keyof Settings, unknown>>, served = environments.slice(0, 1)) {
  return findServeProblems(settingsSchema.parse({ ...good, ...changes }), served);
}

describe('a production start', () => {
  test('is fine with a database over TLS, a master key and public names', () => {
    expect(problemsOf({})).toEqual([]);
  });

  for (const name of ['databaseUrl', 'masterKey', 'sandboxApiUrl', 'sandboxMtlsUrl'] as const) {
    test(`has no default for ${name}, and says how it is set`, () => {
      const variable = { databaseUrl: 'DATABASE_URL', masterKey: 'MASTER_KEY', sandboxApiUrl: 'SANDBOX_API_URL' };
      const problems = problemsOf({ [name]: undefined });
      expect(problems).toHaveLength(1);
      expect(problems[0]).toContain(
        `TOLLWARD_${{ ...variable, sandboxMtlsUrl: 'SANDBOX_MTLS_URL' }[name]} must be set`,
      );
    });
  }

  test('names everything that is missing at once', () => {
    expect(findServeProblems(settingsSchema.parse({}), environments)).toHaveLength(6);
  });

  test('needs names for what it serves only', () => {
    expect(problemsOf({}, ['production'])).toHaveLength(2);
  });

  for (const url of [
    'postgresql://tollward@db.example/tollward',
    'postgresql://tollward@db.example/tollward?sslmode=disable',
    'postgresql://tollward@db.example/tollward?sslmode=prefer',
    'postgresql://tollward@10.0.0.5:5432/tollward',
    'postgresql://tollward@localhost/tollward?host=db.example',
    'postgresql:///tollward',
  ]) {
    test(`refuses a database over a network without TLS: ${url}`, () => {
      expect(problemsOf({ databaseUrl: url })[0]).toMatch(/reaches .+ without TLS.*sslmode=verify-full/);
      expect(problemsOf({ databaseUrl: url, unsafeDatabaseWithoutTls: 'true' })).toEqual([]);
    });
  }

  for (const url of [
    'postgresql://tollward@127.0.0.1/tollward',
    'postgresql://tollward@localhost:5433/tollward',
    'postgresql://tollward@[::1]/tollward',
    'postgresql://tollward@localhost/tollward?host=/run/postgresql',
    'postgresql://tollward@%2Frun%2Fpostgresql/tollward',
    'postgresql://tollward@db.example/tollward?sslmode=require',
  ]) {
    test(`lets a database on this machine or over TLS be: ${url}`, () => {
      expect(problemsOf({ databaseUrl: url })).toEqual([]);
    });
  }

  test('refuses one address for both listeners, and the same master key twice', () => {
    expect(problemsOf({ sandboxMtlsUrl: good.sandboxApiUrl })[0]).toContain('the two listeners need two addresses');
    expect(problemsOf({ otherMasterKey: good.masterKey })[0]).toContain(
      'TOLLWARD_OTHER_MASTER_KEY is the master key itself',
    );
  });

  test('names what is unsafe and switched on', () => {
    expect(unsafeSettings(settingsSchema.parse(good))).toEqual([]);
    expect(
      unsafeSettings(
        settingsSchema.parse({ ...good, unsafeDatabaseWithoutTls: 'true', unsafeServeStaleStandingSeconds: 5 }),
      ),
    ).toEqual(['TOLLWARD_UNSAFE_DATABASE_WITHOUT_TLS', 'TOLLWARD_UNSAFE_SERVE_STALE_STANDING_SECONDS']);
  });
});
