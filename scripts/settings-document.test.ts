import { expect, test } from 'vitest';
import { readSettings, renderSettings } from './settings-document.js';

test('a setting without a default says so, a secret is marked, and a bar does not end the cell', () => {
  const one = { name: 'one', variable: 'TOLLWARD_ONE', defaultValue: '1', description: 'a | b', isSecret: false };
  const two = { ...one, name: 'two', variable: 'TOLLWARD_TWO', defaultValue: undefined, isSecret: true };
  const text = renderSettings([one, two]);
  expect(text.slice(text.indexOf('| Setting'))).toBe(`| Setting | Variable | Default | Meaning |
|---|---|---|---|
| \`one\` | \`TOLLWARD_ONE\` | \`1\` | a \\| b. |
| \`two\` | \`TOLLWARD_TWO\` | none | a \\| b. A secret: never printed. |
`);
});

test('the settings of the program are read with variable and default', () => {
  const settings = new Map(readSettings().map((setting) => [setting.name, setting]));
  expect(settings.get('portBase')).toMatchObject({ variable: 'TOLLWARD_PORT_BASE', defaultValue: '8440' });
  expect(settings.get('masterKey')).toMatchObject({ defaultValue: undefined, isSecret: true });
});

test('every setting has a description', () => {
  expect(readSettings().filter(({ description }) => description === '')).toEqual([]);
});
