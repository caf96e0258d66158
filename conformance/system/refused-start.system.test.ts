// A start that can not work ends with exit code 2, says what to change, and changes nothing itself.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { callPlaygroundAs, readPartner, tokenOf } from '../support/partner.js';
import { findPortBase, finish, makeDirectory, startDev, startedDev, stopDev } from '../support/program.js';

const stackTrace = /\bat .*:\d+:\d+/;

test('a port that somebody else has is named, together with --port-base', async () => {
  const portBase = await findPortBase();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(portBase + 4, '127.0.0.1', resolve));
  const { code, error } = await finish(startDev(join(makeDirectory(), 'data'), { portBase }));
  server.close();
  expect(code).toBe(2);
  expect(error).toContain(`Port ${portBase + 4} is in use`);
  expect(error).toContain('--port-base');
  expect(error).not.toMatch(stackTrace);
});

test('an unknown setting is named before anything is made', async () => {
  const parent = makeDirectory();
  const variables = { TOLLWARD_FOO: 'not-to-be-repeated' };
  const { code, out, error } = await finish(startDev(join(parent, 'data'), { variables }));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(error).toContain('TOLLWARD_FOO');
  expect(error).not.toContain(variables.TOLLWARD_FOO);
  expect(error).not.toMatch(stackTrace);
  expect(readdirSync(parent)).toEqual([]);
});

const wrongKeys = [
  [Buffer.alloc(32, 1).toString('base64'), 'Configure the master key this data was made with.'],
  ['c2hvcnQ=', 'must be 32 bytes in base64'],
] as const;

test('a wrong master key is refused, and the right one finds everything unchanged', async () => {
  const dataDirectory = join(makeDirectory(), 'data');
  const files = ['master.key', 'sandbox.env', 'production.env', 'sandbox/ca.pem'];
  const contents = (): string[] => files.map((file) => readFileSync(join(dataDirectory, file), 'utf8'));
  const portBase = await findPortBase();
  await stopDev(await startedDev(dataDirectory, { portBase }));
  const before = contents();

  for (const [key, message] of wrongKeys) {
    const { code, out, error } = await finish(
      startDev(dataDirectory, { portBase, variables: { TOLLWARD_MASTER_KEY: key } }),
    );
    expect(code).toBe(2);
    expect(error).toContain('master key');
    expect(error).toContain(message);
    expect(error).not.toMatch(stackTrace);
    expect(`${out}${error}`).not.toContain(key);
  }
  expect(contents()).toEqual(before);

  const file = join(makeDirectory(), 'key');
  writeFileSync(file, before[0] ?? '');
  await startedDev(dataDirectory, { portBase, variables: { TOLLWARD_MASTER_KEY_FILE: file } });
  expect(contents()).toEqual(before);
  const partner = readPartner(dataDirectory, 'sandbox');
  expect((await callPlaygroundAs(partner, await tokenOf(partner))).status).toBe(200);
});
