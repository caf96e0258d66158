import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type SettingName, type Settings, settingNames, settingsSchema, variableName } from './settings.js';

export type SettingSource = 'command line' | 'environment' | 'file' | 'config.json' | 'default';

export type SettingFiles = Readonly<Partial<Record<SettingName, string | undefined>>>;

export interface LoadedSettings {
  readonly settings: Settings;
  readonly sources: Readonly<Record<SettingName, SettingSource>>;
  /** The files that values came from, for those that are read again. */
  readonly files: SettingFiles;
}

/** Settings that can not be used. The message lists every problem; no value of a secret is in it. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The settings can not be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

export interface SettingsInput {
  /** From the command line, already by setting name. */
  readonly flags: Partial<Record<SettingName, string | undefined>>;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
}

const prefix = 'TOLLWARD_';
/** Variables of the same prefix that are not settings: the test suite's own. */
const testPrefix = 'TOLLWARD_TEST_';

/** @throws SettingsError with every problem at once; an unknown name is a problem, since it is most often a misspelt one */
export function loadSettings({ flags, variables, workingDirectory }: SettingsInput): LoadedSettings {
  const problems: string[] = [];
  const raw: Partial<Record<SettingName, unknown>> = {};
  const sources = Object.fromEntries(settingNames.map((name) => [name, 'default'])) as Record<
    SettingName,
    SettingSource
  >;
  const files: Partial<Record<SettingName, string | undefined>> = {};
  const offer = (name: SettingName, value: unknown, source: SettingSource, file?: string): void => {
    sources[name] = source;
    files[name] = file;
    // Coercion would read an empty text, null and false as 0.
    if (value === '' || (typeof value !== 'string' && typeof value !== 'number')) {
      problems.push(`${variableName(name)} (${source}) must be a text or a number, and not empty.`);
    } else raw[name] = value;
  };

  problems.push(...unknownVariables(variables));
  const fromEnvironment = (name: SettingName): void => {
    const variable = variableName(name);
    const value = variables[variable];
    const file = variables[`${variable}_FILE`];
    if (value !== undefined && file !== undefined)
      problems.push(`${variable} and ${variable}_FILE are both set; set one.`);
    else if (value !== undefined) offer(name, value, 'environment');
    else if (file !== undefined)
      readSecretFile(file, `${variable}_FILE`, problems, (text) => offer(name, text, 'file', resolve(file)));
  };

  // The data directory comes first: config.json lies in it.
  fromEnvironment('dataDir');
  if (flags.dataDir !== undefined) offer('dataDir', flags.dataDir, 'command line');
  const dataDir = resolve(
    workingDirectory,
    typeof raw.dataDir === 'string' && raw.dataDir !== '' ? raw.dataDir : './.tollward',
  );

  for (const [name, value] of Object.entries(readConfigFile(resolve(dataDir, 'config.json'), problems))) {
    const known = settingNames.find((candidate) => candidate === name);
    if (known === undefined)
      problems.push(`config.json: there is no setting "${name}". Run "tollward config print" for the list.`);
    else if (known === 'dataDir') problems.push('config.json lies in the data directory, so it can not name it.');
    else offer(known, value, 'config.json');
  }
  for (const name of settingNames) {
    if (name !== 'dataDir') fromEnvironment(name);
    const flag = flags[name];
    if (flag !== undefined) offer(name, flag, 'command line');
  }

  const parsed = settingsSchema.safeParse({ ...raw, dataDir });
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = settingNames.find((candidate) => candidate === issue.path[0]);
      problems.push(
        `${name === undefined ? 'settings' : variableName(name)} (${name === undefined ? '' : sources[name]}): ${issue.message}`,
      );
    }
  }
  if (problems.length > 0 || !parsed.success) throw new SettingsError(problems);
  return { settings: parsed.data, sources, files };
}

function unknownVariables(variables: SettingsInput['variables']): string[] {
  const known = new Set(settingNames.flatMap((name) => [variableName(name), `${variableName(name)}_FILE`]));
  return Object.keys(variables)
    .filter((variable) => variable.startsWith(prefix) && !variable.startsWith(testPrefix) && !known.has(variable))
    .map((variable) => `There is no setting ${variable}. Run "tollward config print" for the list.`);
}

function readSecretFile(file: string, variable: string, problems: string[], use: (text: string) => void): void {
  try {
    use(readFileSync(file, 'utf8').trim());
  } catch (error) {
    problems.push(`${variable} names a file that can not be read (${errorCode(error)}).`);
  }
}

function readConfigFile(file: string, problems: string[]): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') problems.push(`${file} can not be read (${errorCode(error)}).`);
    return {};
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
    problems.push(`${file} must hold one JSON object.`);
  } catch {
    problems.push(`${file} is not JSON.`);
  }
  return {};
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
