import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SandboxError } from './sandbox-error.js';
import { runCommand } from './server-process.js';

/** In place of the server: it prints its last argument, and fails when that says so. */
function aProgram(): string {
  const folder = mkdtempSync(join(tmpdir(), 'server-process-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const program = join(folder, 'program.cjs');
  writeFileSync(
    program,
    "const said = process.argv.at(-1); (said.includes('error') ? console.error : console.log)(said); process.exitCode = said.includes('error') ? 1 : 0;",
  );
  return program;
}

test('[SDK-82] an operator command gives what it prints, or fails with what it says', async () => {
  const place = { program: aProgram(), dataDirectory: '/nowhere' };
  expect(await runCommand(place, ['client', 'show', '{"id":"a"}'])).toEqual({ id: 'a' });
  const failing = runCommand(place, ['client', 'show', '{"error":{"message":"there is no such client"}}']);
  await expect(failing).rejects.toThrow('tollward client show: there is no such client');
});

test('[SDK-82] one that prints something else than JSON fails like any other', async () => {
  const answer = runCommand({ program: aProgram(), dataDirectory: '/nowhere' }, ['client', 'show', 'Hello']);
  await expect(answer).rejects.toBeInstanceOf(SandboxError);
  await expect(answer).rejects.toThrow('tollward client show: it printed something that is no JSON.');
});
