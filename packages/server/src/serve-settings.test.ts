import { environments } from '@tollward/protocol';
import { afterEach, describe, expect, test, vi } from 'vitest';
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

afterEach(() => vi.unstubAllEnvs());

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
    'postgresql://tollward@10.0.0.5:5432/tollward',
    'postgresql://tollward@localhost/tollward?host=db.example',
    'postgresql://tollward@db.example/tollward?sslmode=no-verify',
    'postgresql://tollward@db.example/tollward?ssl=no-verify',
    'postgresql://tollward@localhost.example/tollward?host=',
  ]) {
    test(`refuses a database over a network that TLS does not protect: ${url}`, () => {
      const without = url.includes('no-verify') ? 'by TLS without checking its certificate' : 'without TLS';
      const [problem] = problemsOf({ databaseUrl: url });
      expect(problem).toMatch(/^TOLLWARD_DATABASE_URL reaches .+\. Add "\?sslmode=verify-full"/);
      expect(problem).toContain(` ${without}. `);
      expect(problemsOf({ databaseUrl: url, unsafeDatabaseWithoutTls: 'true' })).toEqual([]);
    });
  }

  const variables: readonly (readonly [url: string, name: string, value: string, problem: RegExp])[] = [
    ['postgresql:///tollward', 'PGHOST', 'db.example', /reaches db\.example without TLS/],
    [good.databaseUrl.replace('verify-full', 'disable'), 'PGSSLMODE', 'verify-full', /reaches db\.example without TLS/],
    ['postgresql://tollward@db.example/tollward', 'PGSSLMODE', 'no-verify', /reaches db\.example by TLS without/],
    ['postgresql://tollward@db.example/tollward', 'PGSSLMODE', 'disable', /reaches db\.example without TLS/],
    [good.databaseUrl, 'NODE_TLS_REJECT_UNAUTHORIZED', '0', /reaches db\.example by TLS without/],
    [good.databaseUrl, 'PGPORT', 'abc', /PGPORT has one, that is no number/],
    [good.databaseUrl, 'PGSSLNEGOTIATION', 'pigeon', /is none for the driver/],
  ];
  for (const [url, name, value, problem] of variables) {
    test(`judges the database with what the driver takes from ${name}=${value}: ${url}`, () => {
      vi.stubEnv(name, value);
      expect(problemsOf({ databaseUrl: url })).toEqual([expect.stringMatching(problem)]);
    });
  }

  for (const query of [
    'sslmode=require&sslmode=disable',
    'sslmode=verify-full&sslmode=no-verify',
    'host=localhost&host=db.example',
    'host=/tmp&host=',
    'sslmode=require&uselibpqcompat=true',
    'sslmode=verify-ca&uselibpqcompat=true',
    'sslmode=verify-full&ssl=false&uselibpqcompat=false',
    'ssl=false',
    'port=abc',
    'port=99999',
    'port=-1',
    'sslmode=verify-full&sslrootcert=/no/such/file.pem',
  ]) {
    test(`refuses a database URL that does not say one thing, whatever is allowed: ${query}`, () => {
      const databaseUrl = `postgresql://tollward:pa55@localhost/tollward?${query}`;
      const problems = problemsOf({ databaseUrl, unsafeDatabaseWithoutTls: 'true' });
      expect(problems).toEqual([expect.stringMatching(/^TOLLWARD_DATABASE_URL: The database URL (has|names) /)]);
      expect(problems[0]).not.toContain('pa55');
    });
  }

  for (const url of [
    'postgresql://tollward@127.0.0.1/tollward',
    'postgresql://tollward@localhost:5433/tollward',
    'postgresql://tollward@[::1]/tollward',
    'postgresql://tollward@localhost/tollward?host=/run/postgresql',
    'postgresql://tollward@%2Frun%2Fpostgresql/tollward',
    'postgresql://tollward@db.example/tollward?sslmode=require',
    'postgresql://tollward@db.example/tollward?sslmode=prefer',
    'postgresql://tollward@db.example/tollward?ssl=true',
    'postgresql:///tollward',
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
        settingsSchema.parse({
          ...good,
          unsafeDatabaseWithoutTls: 'true',
          unsafeNoSca: 'true',
          unsafeServeStaleStandingSeconds: 5,
        }),
      ),
    ).toEqual([
      'TOLLWARD_UNSAFE_DATABASE_WITHOUT_TLS',
      'TOLLWARD_UNSAFE_NO_SCA',
      'TOLLWARD_UNSAFE_SERVE_STALE_STANDING_SECONDS',
    ]);
  });
});
