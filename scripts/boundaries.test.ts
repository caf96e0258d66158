import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const repository = resolve(import.meta.dirname, '..');
const oxlint = join(repository, 'node_modules/oxlint/bin/oxlint');
const biome = join(repository, 'node_modules/@biomejs/biome/bin/biome');

// Written by hand from the design, not derived from the rules: [file, its text, may it be so?]
const server = 'packages/server/src';
const rows: readonly (readonly [path: string, source: string, allowed: boolean])[] = [
  // Direction: surfaces -> capabilities -> platform -> protocol.
  [`${server}/surfaces/wire/oauth-token.ts`, "import { issueToken } from '../../tokens/index.js';", true],
  [
    `${server}/surfaces/management/clients.ts`,
    "import type { Database } from '../../platform/database/database.js';",
    true,
  ],
  [`${server}/surfaces/wire/errors.ts`, "import { send } from '../send.js';", true],
  [`${server}/surfaces/wire/oauth-token.ts`, "import { issueToken } from '../../tokens/issue-token.js';", false],
  [`${server}/surfaces/wire/oauth-token.ts`, "import { compose } from '../../compose.js';", false],
  [`${server}/surfaces/management/clients.ts`, "import { print } from '../../cli/print.js';", false],
  [`${server}/tokens/issue-token.ts`, "import { authenticateClient } from '../clients/index.js';", true],
  [`${server}/tokens/issue-token.ts`, "import { randomId } from '../platform/ids.js';", true],
  [`${server}/tokens/grants/client-credentials.ts`, "import { seal } from '../sealed-token.js';", true],
  [`${server}/tokens/issue-token.ts`, "import { findClient } from '../clients/client-store.js';", false],
  [`${server}/tokens/issue-token.ts`, "import type { Client } from '../clients/client-store.js';", false],
  [`${server}/tokens/issue-token.ts`, "export { findClient } from './../clients/client-store.js';", false],
  [`${server}/tokens/issue-token.ts`, "export * from '../clients/client-store.js';", false],
  [`${server}/tokens/issue-token.ts`, "export type C = import('../clients/client-store.js').C;", false],
  [`${server}/tokens/issue-token.ts`, "export const c = await import('../clients/client-store.js');", false],
  [`${server}/tokens/grants/client-credentials.ts`, "import { find } from '../../clients/client-store.js';", false],
  [`${server}/gateway/steps/peer.ts`, "import { send } from '../../surfaces/wire/errors.js';", false],
  [`${server}/audit/append-entry.ts`, "import { startDev } from '../dev/start-dev.js';", false],
  [`${server}/audit/append-entry.ts`, "import { startTestServer } from '../testing/index.js';", false],
  [`${server}/platform/listeners/listener.ts`, "import { environments } from '@tollward/protocol';", true],
  [`${server}/platform/keys/keyring.ts`, "import { append } from '../../audit/index.js';", false],
  [`${server}/platform/config/config.ts`, "import type { Flags } from '../../cli/flags.js';", false],
  [`${server}/platform/listeners/listener.ts`, "import { routes } from '../../surfaces/wire/routes.js';", false],
  // Who sees everybody.
  [
    `${server}/compose.ts`,
    "import { find } from './clients/client-store.js';\nimport { routes } from './surfaces/wire/routes.js';",
    true,
  ],
  [`${server}/dev/start-dev.ts`, "import { compose } from '../compose.js';", true],
  [`${server}/testing/start-test-server.ts`, "import { compose } from '../compose.js';", true],
  [`${server}/compose.ts`, "import { aClient } from './testing/index.js';", false],
  [
    `${server}/tokens/issue-token.test.ts`,
    "import { aClient } from '../testing/index.js';\nimport { Pool } from 'pg';",
    true,
  ],
  [`${server}/testing/database.ts`, "import pg from 'pg';", true],
  [`${server}/helpers/text.ts`, "import { randomId } from '../platform/ids.js';", false],
  // Who talks to upstreams, and who reads policies.
  [`${server}/platform/upstreams/upstream-pool.ts`, "import { Pool } from 'undici';", true],
  [`${server}/surfaces/wire/forward.ts`, "import type { Dispatcher } from 'undici';", true],
  [`${server}/surfaces/wire/forward.ts`, "import { Pool } from 'undici';", false],
  [`${server}/gateway/policy/parse-policy.ts`, "import { parseDocument } from 'yaml';", true],
  [`${server}/cli/policy.ts`, "import { parseDocument } from 'yaml';", false],
  // The simulator knows callers by the wire alone, and nobody knows the simulator.
  ['packages/simulator/src/main.ts', "import { createServer } from 'node:http';", true],
  ['packages/simulator/src/caller.ts', "import { jwtVerify } from 'jose';", true],
  ['packages/simulator/src/caller.ts', "import { environments } from '@tollward/protocol';", false],
  ['packages/simulator/src/caller.ts', "import { startTestServer } from '@tollward/server/testing';", false],
  [`${server}/dev/start-dev.ts`, "import { createSimulator } from '@tollward/simulator';", false],
  // Decisions are pure.
  [
    `${server}/certificates/decide-peer.ts`,
    "import { environments } from '@tollward/protocol';\nimport type { Row } from '../platform/database/tables.js';\nimport { decideKey } from './decide-key.js';",
    true,
  ],
  [`${server}/certificates/decide-peer.ts`, "import { readPeer } from './read-peer.js';", false],
  [`${server}/certificates/decide-peer.ts`, "import { createHash } from 'node:crypto';", false],
  [`${server}/certificates/decide-peer.ts`, "import { type Peer, readPeer } from './read-peer.js';", false],
  [`${server}/certificates/decide-peer.test.ts`, "import { createHash } from 'node:crypto';", true],
  // Packages with one home.
  [`${server}/surfaces/hub/session.ts`, "import fastify from 'fastify';\nimport cookie from '@fastify/cookie';", true],
  [`${server}/platform/listeners/listener.ts`, "import type { FastifyInstance } from 'fastify';", false],
  [`${server}/gateway/forward.ts`, "import { serializerCompiler } from 'fastify-type-provider-zod';", false],
  [`${server}/platform/database/postgres.ts`, "import { Pool } from 'pg';\nimport { Kysely } from 'kysely';", true],
  [`${server}/platform/database/pglite.ts`, "import { PGlite } from '@electric-sql/pglite';", true],
  [`${server}/clients/client-store.ts`, "import { type Kysely, sql } from 'kysely';", true],
  [`${server}/clients/rotate-secret.ts`, "import type { Kysely } from 'kysely';", true],
  [`${server}/clients/rotate-secret.ts`, "import { sql } from 'kysely';", false],
  [`${server}/clients/client-store.ts`, "import { Kysely, sql } from 'kysely';", false],
  [`${server}/clients/client-store.ts`, "import * as kysely from 'kysely';", false],
  [`${server}/clients/client-store.ts`, "import { Pool } from 'pg';", false],
  [`${server}/cli/doctor.ts`, "import { PGlite } from '@electric-sql/pglite';", false],
  [`${server}/certificates/issue-certificate.ts`, "import { X509Certificate } from '@peculiar/x509';", true],
  [`${server}/platform/listeners/peer.ts`, "import { X509Certificate } from '@peculiar/x509';", false],
  [`${server}/platform/listeners/listener.ts`, "import { createServer } from 'node:https';", true],
  [`${server}/gateway/forward.ts`, "import type { ServerResponse } from 'node:http';", false],
  [`${server}/webhooks/deliver.ts`, "import { request } from 'https';", false],
  // Packages that import little, and each other by name only.
  ['packages/protocol/src/pem.ts', "import { environments } from './environment.js';", true],
  ['packages/protocol/src/pem.ts', "import { createHash } from 'node:crypto';", false],
  ['packages/protocol/src/pem.ts', "import { z } from 'zod';", false],
  ['packages/protocol/src/pem.test.ts', "import fc from 'fast-check';", true],
  ['packages/client/src/client.ts', "import { SignJWT } from 'jose';\nimport { Agent } from 'undici';", true],
  ['packages/client/src/client.ts', "import { z } from 'zod';", false],
  [`${server}/tokens/issue-token.ts`, "import { environments } from '../../../protocol/src/index.js';", false],
];

interface OxlintReport {
  readonly diagnostics: readonly { readonly code: string; readonly filename: string }[];
  readonly number_of_files: number;
}

/** A linter exits with 1 when it found something; that is not a fault here. */
function runLinter(program: string, args: readonly string[], directory: string): string {
  const result = spawnSync(process.execPath, [program, ...args], { cwd: directory, encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  return result.stdout + result.stderr;
}

function runOxlint(args: readonly string[], directory: string): OxlintReport {
  const output = runLinter(oxlint, ['-f', 'json', ...args], directory);
  return JSON.parse(output.slice(output.indexOf('{'), output.lastIndexOf('}') + 1)) as OxlintReport;
}

describe('import boundaries, as the real linter sees them', () => {
  let directory: string;
  let refusedRows: ReadonlySet<number>;

  // One tree per row and one run over all of them: the same path may then stand in several rows.
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tollward-boundaries-'));
    for (const [index, [path, source]] of rows.entries()) {
      const file = join(directory, String(index), path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, `${source}\n`);
    }
    const report = runOxlint(['-c', join(repository, '.oxlintrc.json'), '.'], directory);
    expect(report.number_of_files).toBe(rows.length);
    const refused = report.diagnostics.filter((diagnostic) => diagnostic.code === 'tollward(boundaries)');
    refusedRows = new Set(refused.map((diagnostic) => Number(diagnostic.filename.split('/')[0])));
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each(rows.map(([path, source, allowed], index) => ({ index, path, source, allowed })))(
    '$path: $source allowed = $allowed',
    ({ index, allowed }) => {
      expect(refusedRows.has(index)).toBe(!allowed);
    },
  );
});

describe('the linters see every TypeScript file', () => {
  // What git would commit is the oracle. A file that was deleted but not yet committed is still listed, so ask twice.
  function repositoryFiles(pattern: RegExp): string[] {
    const list = (args: readonly string[]): string[] =>
      execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', ...args], { cwd: repository, encoding: 'utf8' })
        .split('\n')
        .filter(Boolean);
    const deleted = new Set(list(['--deleted']));
    const all = new Set(list(['--cached', '--others', '--exclude-standard']));
    return [...all].filter((file) => !deleted.has(file) && pattern.test(file));
  }

  test('oxlint checks as many files as the repository has scripts and modules', () => {
    const expected = repositoryFiles(/\.[cm]?[jt]sx?$/);
    expect(expected).toContain('packages/protocol/src/index.ts');
    expect(runOxlint(['.'], repository).number_of_files).toBe(expected.length);
  });

  test('Biome checks as many files as the repository has scripts, modules, JSON and YAML', () => {
    const expected = repositoryFiles(/\.([cm]?[jt]sx?|json|ya?ml|css)$/).filter(
      (file) => !file.endsWith('package-lock.json') && !file.startsWith('docs/generated/'),
    );
    const output = runLinter(biome, ['lint', '.'], repository);
    expect(Number(/Checked (\d+) files/.exec(output)?.[1])).toBe(expected.length);
  });
});

describe('an unawaited promise is an error', () => {
  let directory: string;
  let found: readonly (readonly [code: string, file: string])[];
  const samples: readonly (readonly [code: string, path: string, source: string])[] = [
    ['typescript(no-floating-promises)', 'src/floating.ts', 'const save = async (): Promise<void> => {};\nsave();'],
    [
      'typescript(no-misused-promises)',
      'src/misused.ts',
      'const may = async (): Promise<boolean> => false;\nexport const answer = may() ? 1 : 2;',
    ],
  ];

  // The type-aware half of oxlint is a second program, looked up in node_modules beside the sources.
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tollward-promises-'));
    symlinkSync(join(repository, 'node_modules'), join(directory, 'node_modules'));
    writeFileSync(join(directory, 'tsconfig.json'), '{ "compilerOptions": { "strict": true } }');
    mkdirSync(join(directory, 'src'));
    for (const [, path, source] of samples) writeFileSync(join(directory, path), `${source}\nexport {};\n`);
    const { diagnostics } = runOxlint(['--type-aware', '-c', join(repository, '.oxlintrc.json'), 'src'], directory);
    found = diagnostics.map(({ code, filename }) => [code, filename]);
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each(samples)('%s is reported in %s', (code, path) => {
    expect(found).toContainEqual([code, path]);
  });
});

describe('other rules the house relies on', () => {
  const samples: readonly (readonly [rule: string, path: string, source: string])[] = [
    ['noImportCycles', 'packages/a/src/one.ts', "import { two } from './two.js';\nexport const one: number = two;"],
    ['noExplicitAny', 'packages/a/src/untyped.ts', 'export const value = (input: any): unknown => input;'],
    ['noNonNullAssertion', 'packages/a/src/sure.ts', 'export const value = (input?: string): string => input!;'],
    ['noDefaultExport', 'packages/a/src/nameless.ts', 'export default 1;'],
    ['noConsole', 'packages/a/src/loud.ts', "console.log('x');\nexport {};"],
    ['useFilenamingConvention', 'packages/a/src/CamelCase.ts', 'export const value = 1;'],
    ['noUnusedImports', 'packages/a/src/idle.ts', "import { join } from 'node:path';\nexport {};"],
    ['noUnusedVariables', 'packages/a/src/spare.ts', 'const spare = 1;\nexport {};'],
  ];
  let directory: string;
  let output: string;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'tollward-rules-'));
    const files = [
      ...samples,
      ['', 'packages/a/src/two.ts', "import { one } from './one.js';\nexport const two: number = one;"],
    ];
    for (const [, path = '', source] of files) {
      mkdirSync(dirname(join(directory, path)), { recursive: true });
      writeFileSync(join(directory, path), `${source}\n`);
    }
    for (const file of ['biome.json', '.gitignore']) copyFileSync(join(repository, file), join(directory, file));
    output = runLinter(biome, ['lint', '--max-diagnostics=none', '.'], directory);
  });

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each(samples)('%s is reported in %s', (rule, path) => {
    expect(output.split('\n').some((line) => line.startsWith(path) && line.includes(`/${rule} `))).toBe(true);
  });
});
