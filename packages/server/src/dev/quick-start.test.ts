import type { Environment } from '@tollward/protocol';
import { expect, test } from 'vitest';
import { SecretValue } from '../platform/secret-value.js';
import { type QuickStartContent, renderQuickStart } from './quick-start.js';

const partner = {
  clientId: 'cli_1',
  secret: new SecretValue('a secret'),
  certificateFile: '/data/one/client.pem',
  keyFile: '/data/one/client.key',
  curlConfigFile: '/data/one/credentials.curl',
};

function closingLines(changes: Partial<QuickStartContent>): readonly string[] {
  const text = renderQuickStart({
    dataDir: '/data',
    sandbox: { caFile: '/data/ca.pem', envFile: '/data/a.env', callsFile: '/data/calls.sh', partner, other: partner },
    tollward: {
      urlOf: (environment, listener) => `https://${environment}.${listener}.example`,
      operationsUrl: 'http://127.0.0.1:9090',
    },
    isSimulated: true,
    policyFileOf: () => '/program/default.yaml',
    simulatorOf: (environment) =>
      ({ sandbox: 'http://127.0.0.1:8447', production: 'http://127.0.0.1:9447' })[environment],
    now: 0,
    ...changes,
  });
  const lines = text.split('\n');
  return lines.slice(lines.findIndex((line) => line.startsWith('Sandbox ')));
}

test('the quick start ends with what is where', () => {
  expect(closingLines({})).toEqual([
    'Sandbox      https://sandbox.api.example  (mutual TLS: https://sandbox.api-mtls.example)',
    'Production   https://production.api.example  (mutual TLS: https://production.api-mtls.example)',
    'OpenAPI      https://sandbox.api.example/openapi.json',
    'Policy       /program/default.yaml',
    'Simulator    http://127.0.0.1:8447 (sandbox), http://127.0.0.1:9447 (production)',
    'Health       http://127.0.0.1:9090/health/ready',
    'For scripts  /data/sandbox.env, /data/production.env',
    'Files        /data',
    '',
    'Stop with Ctrl-C. One line of JSON per request follows.',
    '',
  ]);
});

test('the quick start names environments that differ, and no simulator where there is none', () => {
  const policyFileOf = (environment: Environment) => `/etc/${environment}.yaml`;
  const one = closingLines({
    policyFileOf,
    simulatorOf: (of) => (of === 'production' ? 'http://127.0.0.1:1' : undefined),
  });
  expect(one.slice(3, 5)).toEqual([
    'Policy       /etc/sandbox.yaml (sandbox), /etc/production.yaml (production)',
    'Simulator    http://127.0.0.1:1 (production)',
  ]);
  expect(closingLines({ simulatorOf: () => undefined }).join()).not.toContain('Simulator');
});
