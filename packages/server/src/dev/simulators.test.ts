import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SettingsError } from '../platform/config/load-settings.js';
import { settingsSchema } from '../platform/config/settings.js';
import { createLog } from '../platform/observability/log.js';
import { findSimulatorProgram, startSimulators } from './simulators.js';

const money = 'http://127.0.0.1:8080';
const settingsOf = (given: Record<string, string>) => settingsSchema.parse({ dataDir: '/data', ...given });

test('the simulator is found beside this program, and not looked for when nobody needs it', () => {
  expect(findSimulatorProgram(settingsOf({}))).toMatch(/\/simulator\/bin\/tollward-simulator\.js$/);
  const missing = (): never => {
    throw new Error('Cannot find module');
  };
  expect(
    findSimulatorProgram(settingsOf({ sandboxUpstream: money, productionUpstream: money }), missing),
  ).toBeUndefined();
});

test.each([
  ['is not installed', () => '/nowhere/package.json'],
  [
    'can not be resolved',
    (): never => {
      throw new Error('Cannot find module');
    },
  ],
])('a simulator that %s is missed with what to do', (_, resolve) => {
  const find = () => findSimulatorProgram(settingsOf({ sandboxUpstream: money }), resolve);
  expect(find).toThrow(SettingsError);
  expect(find).toThrow(/@tollward\/simulator.*TOLLWARD_PRODUCTION_UPSTREAM which API/);
});

interface Upstream {
  readonly name: string;
  readonly url: string | undefined;
}

/** The words that it was started with are in its log. */
async function start(upstreams: readonly Upstream[]) {
  const folder = await mkdtemp(join(tmpdir(), 'simulators-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const program = join(folder, 'program.mjs');
  const source = `console.log(process.argv.slice(2).join(' '));
    console.log(JSON.stringify({ listening: 'http://127.0.0.1:1' }));
    process.stdin.on('end', () => process.exit(0)).resume();`;
  await writeFile(program, source);
  const lines: string[] = [];
  const simulators = startSimulators({
    settings: settingsOf({ sandboxUpstream: money, portBase: '8440' }),
    program,
    issuerOf: (environment) => `https://${environment}.example`,
    caFileOf: (environment) => `/data/${environment}/ca.pem`,
    upstreamsOf: () => upstreams,
    log: createLog('info', { write: (line) => void lines.push(line) }),
  });
  onTestFinished(() => simulators.stop());
  await simulators.ready;
  return { simulators, logged: lines.map((line): Record<string, unknown> => JSON.parse(line)) };
}

const withoutUrl = (name: string): Upstream => ({ name, url: undefined });
const wordsIn = (logged: readonly Record<string, unknown>[]) => logged.flatMap(({ simulator }) => simulator ?? []);

test('each environment without an upstream gets a simulator that knows its gateway and keeps its own journal', async () => {
  const { simulators, logged } = await start([withoutUrl('money')]);
  expect(simulators.urlOf('production')).toBe('http://127.0.0.1:1');
  expect(simulators.urlOf('sandbox')).toBeUndefined();
  const words =
    '--environment production --port 9447 --issuer https://production.example' +
    ' --keys-url https://production.example/.well-known/jwks.json --ca /data/production/ca.pem --audience money' +
    ' --journal /data/production/simulator.journal --end-with-stdin';
  expect(wordsIn(logged)).toEqual([words]);
});

const ledger = { name: 'ledger', url: 'http://ledger.internal' };

test.each([
  ['stands for the upstream that has no url, under its name', [ledger, withoutUrl('bank')], 'bank', []],
  ['has the name it always has when each upstream has a url', [ledger], 'money', []],
  ['stands for one upstream, and the log names others', [withoutUrl('bank'), withoutUrl('cards')], 'bank', ['cards']],
])('a simulator %s', async (_, upstreams, audience, others) => {
  const { logged } = await start(upstreams);
  expect(wordsIn(logged).join()).toContain(` --audience ${audience} `);
  const warned = logged.filter(({ level }) => level === 'warn');
  expect(warned.map(({ upstream }) => upstream)).toEqual(others);
});
