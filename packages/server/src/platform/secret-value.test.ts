import { format, inspect } from 'node:util';
import { expect, test } from 'vitest';
import { createLog } from './observability/log.js';
import { SecretValue } from './secret-value.js';

const text = 'tlw_sbx_cs_the-secret-itself';
const secret = new SecretValue(text);
/** The same, as it looks where somebody forgot what it is. */
const careless = secret as unknown as string;

test('a secret value gives its secret to whoever asks for it by name', () => {
  expect(secret.reveal()).toBe(text);
});

test.each([
  ['String()', () => String(secret)],
  ['a template', () => `${careless}`],
  ['concatenation', () => 'a'.concat(careless)],
  ['JSON', () => JSON.stringify({ secret, list: [secret] })],
  ['util.inspect', () => inspect({ secret }, { depth: 9, showHidden: true })],
  ['inspect of itself', () => inspect(secret, { showHidden: true })],
  ['util.format', () => format('%s %o %j', secret, secret, secret)],
  ['its own properties', () => JSON.stringify([Object.entries(secret), Reflect.ownKeys(secret)])],
  ['a structured clone', () => JSON.stringify(structuredClone(secret))],
  ['a spread', () => JSON.stringify({ ...secret })],
])('a secret value shows nothing by %s', (_case, show) => {
  expect(show()).not.toContain('the-secret');
});

test('a secret value shows nothing in a log line, nor in the text of an error about it', () => {
  const lines: string[] = [];
  const { logger } = createLog('info', { write: (line) => void lines.push(line) });
  logger.info({ secret, error: new Error(`bad ${careless}`) }, 'with %s', secret);
  expect(lines.join('')).toContain('bad');
  expect(lines.join('')).not.toContain('the-secret');
});
