// The examples in the README of the client: all compile, and the first one runs.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { aClient, identityOf, startTestServer } from '@tollward/server/testing';
import { afterAll, describe, expect, test, vi } from 'vitest';

const repository = fileURLToPath(new URL('..', import.meta.url));
// Inside the repository, so that packages are found.
const folder = join(repository, 'conformance/dist/client-readme');
const readme = readFileSync(join(repository, 'packages/client/README.md'), 'utf8');
const examples = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text);
const [start = ''] = examples;

const settings = {
  extends: '../../../tsconfig.base.json',
  compilerOptions: {
    composite: false,
    noEmit: true,
    // From the sources, so that no build is needed.
    customConditions: ['tollward-source'],
    noPropertyAccessFromIndexSignature: false,
  },
  include: ['*.ts'],
};

/** What the examples after the first take for granted. */
const given = `
declare const client: import('@tollward/client').PartnerClient;
declare const vault: { read(name: string): Promise<string>; write(name: string, value: object): Promise<void> };
declare const alert: { warn(text: string): void };
`;

mkdirSync(folder, { recursive: true });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the README of the client', () => {
  test('[SDK-66] has examples that compile', () => {
    expect(examples.length).toBeGreaterThan(5);
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
    writeFileSync(join(folder, 'given.d.ts'), given);
    for (const [index, text] of examples.entries()) {
      writeFileSync(join(folder, `example-${index + 1}.ts`), `${text}\nexport {};\n`);
    }
    const compiler = join(repository, 'node_modules/typescript/bin/tsc');
    let problems = '';
    try {
      execFileSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    } catch (error) {
      problems = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    }
    expect(problems).toBe('');
  }, 60_000);

  test('[SDK-66] starts with 12 lines that work', async () => {
    expect(start.trimEnd().split('\n').length).toBeLessThanOrEqual(12);
    const server = await startTestServer();
    const of = await aClient(server);
    const { cert, key } = identityOf(of);
    vi.stubEnv('MTLS_URL', server.urlOf('sandbox', 'api-mtls'));
    vi.stubEnv('CLIENT_ID', of.clientId);
    vi.stubEnv('CLIENT_SECRET', of.secret);
    vi.stubEnv('CLIENT_CERT', cert);
    vi.stubEnv('CLIENT_KEY', key);
    vi.stubEnv('CA_FILE', server.caOf('sandbox'));
    const print = vi.spyOn(console, 'log').mockReturnValue();
    try {
      const file = join(folder, 'start.ts');
      writeFileSync(file, start);
      await import(pathToFileURL(file).href);
      expect(print).toHaveBeenCalledWith(expect.objectContaining({ authenticated: true, clientId: of.clientId }));
    } finally {
      print.mockRestore();
      vi.unstubAllEnvs();
      await server.stop();
    }
  });
});
