import { isSecretSetting, settingNames, settingsSchema, variableName } from '@tollward/server/documents';
import { code, renderTable } from './markdown.js';

export interface SettingRow {
  readonly name: string;
  readonly variable: string;
  /** Undefined when there is none. */
  readonly defaultValue: string | undefined;
  readonly description: string;
  readonly isSecret: boolean;
}

export function readSettings(): readonly SettingRow[] {
  const defaults = settingsSchema.parse({});
  return settingNames.map((name) => {
    const value = defaults[name];
    return {
      name,
      variable: variableName(name),
      defaultValue: value === undefined ? undefined : String(value),
      description: settingsSchema.shape[name].description ?? '',
      isSecret: isSecretSetting(name),
    };
  });
}

/** docs/generated/settings.md: every setting of the program. */
export function renderSettings(settings: readonly SettingRow[]): string {
  const rows = settings.map(({ name, variable, defaultValue, description, isSecret }) => [
    code(name),
    code(variable),
    defaultValue === undefined ? 'none' : code(defaultValue),
    isSecret ? `${description}. A secret: never printed.` : `${description}.`,
  ]);
  return [
    '# Settings',
    '',
    'Written by `npm run generate` from `packages/server/src/platform/config/settings.ts`. A setting is read from, in this',
    'order: the command line (`tollward dev --help` lists what it takes), the environment variable, `config.json` in the data',
    'directory (by the name in the first column), the default. Each variable also works with `_FILE` at its end, naming a',
    'file that holds the value. An unknown name is refused at start. `tollward config print` shows what is in force and why.',
    '',
    renderTable(['Setting', 'Variable', 'Default', 'Meaning'], rows),
    '',
  ].join('\n');
}
