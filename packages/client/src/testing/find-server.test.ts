import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { findServerProgram } from './find-server.js';

function anApplication(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'find-server-')));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('[SDK-76] the server is the one that the application has installed', () => {
  const folder = anApplication();
  const installed = join(folder, 'node_modules/@tollward/server');
  mkdirSync(installed, { recursive: true });
  writeFileSync(
    join(installed, 'package.json'),
    '{"name":"@tollward/server","exports":{"./package.json":"./package.json"}}',
  );
  expect(findServerProgram(folder)).toBe(join(installed, 'bin/tollward.js'));
});

test('[SDK-76] else it is the one that this package finds by itself', () => {
  expect(findServerProgram(anApplication())).toMatch(/server\/bin\/tollward\.js$/);
});

test('[SDK-76] where there is none, the error says what to install', () => {
  const nowhere = new URL('.', `file://${anApplication()}/`).href;
  expect(() => findServerProgram(anApplication(), nowhere)).toThrow(/npm install --save-dev @tollward\/server/);
});
