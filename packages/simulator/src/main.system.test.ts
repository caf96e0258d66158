// The built program: as it is started, ended and killed.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { newKey, personalProfile } from './partner-for-tests.js';
import { aGateway, issuer } from './simulator-for-tests.js';

const program = fileURLToPath(new URL('../bin/tollward-simulator.js', import.meta.url));

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

async function aHome() {
  const directory = await mkdtemp(join(tmpdir(), 'simulator-main-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const gateway = await aGateway();
  const server = createServer((_request, answer) => answer.end(JSON.stringify(gateway.keys)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = server.address();
  const keysUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
  const journal = join(directory, 'journal.jsonl');
  const words = ['--issuer', issuer, '--keys-url', keysUrl, '--journal', journal];
  return { ...gateway, journal, words };
}

function start(words: readonly string[]): Child {
  const child = spawn(process.execPath, [program, ...words], { stdio: ['pipe', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const ready = z.object({ listening: z.string().regex(/^http:\/\/127\.0\.0\.1:\d+$/) });

async function listening(child: Child): Promise<string> {
  const [line] = await once(createInterface(child.stdout), 'line');
  return ready.parse(JSON.parse(String(line))).listening;
}

async function exitCode(child: Child): Promise<unknown> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = await once(child, 'exit');
  return code;
}

async function createProfile(base: string, assertion: string): Promise<number> {
  const answer = await fetch(`${base}/v2/profiles/personal-profile`, {
    method: 'POST',
    headers: { 'tollward-assertion': assertion, 'content-type': 'application/json', ...newKey() },
    body: JSON.stringify(personalProfile),
  });
  return answer.status;
}

describe('the program', () => {
  it('[SIM-48] knows after a kill what it answered before', async () => {
    const { words, journal, assertionFor } = await aHome();
    const assertion = await assertionFor('cli_1');
    const first = start([...words, '--port', '0']);
    const base = await listening(first);
    const answered = { count: 0 };
    const killed = once(first, 'exit');
    const worker = async (): Promise<void> => {
      for (;;) {
        const status = await createProfile(base, assertion).catch(() => 0);
        if (status !== 200) return;
        answered.count += 1;
        if (answered.count === 40) first.kill('SIGKILL');
      }
    };
    await Promise.all([worker(), worker(), worker(), worker()]);
    await killed;

    const second = start([...words, '--port', '0']);
    const again = await listening(second);
    const listed = await fetch(`${again}/v2/profiles`, { headers: { 'tollward-assertion': assertion } });
    const found = z.array(z.unknown()).parse(await listed.json()).length;
    // At most the four that were on their way were done and not answered.
    expect(found).toBeGreaterThanOrEqual(answered.count);
    expect(found).toBeLessThanOrEqual(answered.count + 4);
    expect((await readFile(journal, 'utf8')).length).toBeGreaterThan(0);
    second.kill('SIGTERM');
    expect(await exitCode(second)).toBe(0);
  });

  it('[SIM-49] ends with its standard input when it is told to', async () => {
    const { words } = await aHome();
    const child = start([...words, '--port', '0', '--end-with-stdin']);
    await listening(child);
    child.stdin.end();
    expect(await exitCode(child)).toBe(0);
  });

  it('[SIM-49] ends with 2 when the port is taken or the command line is not right, and 1 when the journal is in use', async () => {
    const { words } = await aHome();
    const first = start([...words, '--port', '0']);
    const { port } = new URL(await listening(first));
    const busy = start([...words.slice(0, 4), '--port', port]);
    const [busyText, busyCode] = await Promise.all([text(busy.stderr), exitCode(busy)]);
    expect([busyCode, busyText]).toEqual([2, expect.stringContaining(`${port}`)]);
    const unclear = start(['--port', '0']);
    expect(await exitCode(unclear)).toBe(2);
    const noPort = start([...words, '--port', 'http']);
    expect(await exitCode(noPort)).toBe(2);
    if (process.platform !== 'linux') return;
    const second = start([...words, '--port', '0']);
    const [said, code] = await Promise.all([text(second.stderr), exitCode(second)]);
    expect([code, said]).toEqual([1, expect.stringContaining('in use')]);
  });
});
