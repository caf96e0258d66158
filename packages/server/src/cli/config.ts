import { environments } from '@tollward/protocol';
import { readBrought } from '../brought-authorities.js';
import { readPolicies } from '../gateway/policy/read-policy.js';
import type { LoadedSettings } from '../platform/config/load-settings.js';
import {
  isSecretSetting,
  type Settings,
  settingNames,
  settingsSchema,
  variableName,
} from '../platform/config/settings.js';
import { createMasterKey, parseMasterKey } from '../platform/keys/master-key.js';
import { SecretValue } from '../platform/secret-value.js';
import { readServerCertificates } from '../server-certificates.js';
import { type Cli, done } from './cli.js';
import { renderTable } from './text.js';

export function addConfigCommand({ program, context, run }: Cli): void {
  const config = program.command('config').description('the settings of the program');

  config
    .command('print')
    .description('show every setting, its value and where the value comes from')
    .action(() =>
      run(async (load) => {
        const settings = listSettings(load());
        const rows = settings.map(({ name, value, source, variable }) => [
          name,
          value === null ? '(not set)' : shorten(value),
          source,
          variable,
        ]);
        const table = renderTable(['SETTING', 'VALUE', 'SOURCE', 'VARIABLE'], rows, context);
        const hint = 'Each variable also works with _FILE at its end, naming a file that holds the value.';
        return done(`${table}\n\n${hint}`, { settings });
      }),
    );

  config
    .command('check')
    .description('tell whether the settings can be used')
    .action(() =>
      run(async (load) => {
        const { settings, files } = load();
        checkMasterKeys(settings);
        await readPolicies({ settings, files, environments });
        const brought = Object.entries(await readBrought(settings)).map(
          ([environment, { facts }]) => ` The partner CA of ${environment} is "${facts.subject}".`,
        );
        const uncovered = (await readServerCertificates(settings)).flatMap(({ environment, hostsNotCovered }) =>
          hostsNotCovered.map((host) => ` The server certificate of ${environment} is not good for ${host}.`),
        );
        const text = `The settings can be used. The data directory is ${settings.dataDir}.`;
        return done([text, ...brought, ...uncovered].join(''), { ok: true });
      }),
    );
}

/**
 * The one in the data directory is looked at when the server starts.
 *
 * @throws MasterKeyError when one can not be used, or both are the same
 */
function checkMasterKeys({ masterKey, otherMasterKey }: Settings): void {
  const other = otherMasterKey === undefined ? undefined : new SecretValue(otherMasterKey);
  if (masterKey !== undefined) createMasterKey(new SecretValue(masterKey), other);
  else if (other !== undefined) parseMasterKey(other, 'The other master key');
}

const widestValue = 60;

/** A certificate would stretch the whole table; --json has every value whole. */
function shorten(value: string): string {
  return value.length <= widestValue ? value : `${value.slice(0, widestValue - 1)}…`;
}

function listSettings({ settings, sources }: LoadedSettings) {
  return settingNames.map((name) => {
    const value = settings[name];
    return {
      name,
      value: value === undefined ? null : isSecretSetting(name) ? '[secret]' : String(value),
      source: sources[name],
      variable: variableName(name),
      description: settingsSchema.shape[name].description ?? '',
    };
  });
}
