// Every setting of the program in one schema. A setting is read from, in this order: the command line, the environment
// (also as NAME_FILE), config.json in the data directory, the default.

import { environments } from '@tollward/protocol';
import { z } from 'zod';
import { logLevels } from '../observability/log.js';

const limit = z.coerce.number().int().min(1).max(1_000_000_000);

const authorityCertificate = (environment: string) =>
  z
    .string()
    .optional()
    .describe(
      `Certificate of your own authority that signs partners' requests in ${environment}, in PEM, followed by those above it; needs its key`,
    );
const authorityKey = (environment: string) =>
  z
    .string()
    .optional()
    .describe(`Private key of your own partner authority of ${environment}, in PEM and not encrypted`);

const everySetting = z.object({
  dataDir: z.string().min(1).default('./.tollward').describe('Folder for everything the program keeps'),
  portBase: z.coerce
    .number()
    .int()
    .min(0)
    .max(60_000)
    .default(8440)
    .describe(
      'What the ports are counted from: +3 sandbox api, +4 sandbox mutual TLS, +650 health and metrics, +1003 and +1004 production; 0 lets the system choose',
    ),
  host: z.string().min(1).default('127.0.0.1').describe('Address the listeners bind to'),
  logLevel: z.enum(logLevels).default('info').describe('debug, info, warn, error or silent; request lines are info'),
  databaseUrl: z
    .string()
    .startsWith('postgres')
    .optional()
    .describe('PostgreSQL 15 or newer, instead of the embedded database'),
  masterKey: z
    .string()
    .optional()
    .describe('32 bytes in base64 that seal private keys and seeds at rest; dev makes one in the data directory'),
  sandboxPartnerCaCertificate: authorityCertificate('sandbox'),
  sandboxPartnerCaKey: authorityKey('sandbox'),
  productionPartnerCaCertificate: authorityCertificate('production'),
  productionPartnerCaKey: authorityKey('production'),
  clientRequestsPerSecond: limit.default(100).describe('Requests of one client in a second'),
  clientRequestsPerMinute: limit.default(1_000).describe('Requests of one client in a minute'),
  addressRequestsPerSecond: limit.default(500).describe('Requests of one address in a second'),
  addressRequestsPerMinute: limit.default(15_000).describe('Requests of one address in a minute'),
  addressFailuresPerSecond: limit.default(100).describe('Failed authentications of one address in a second'),
  addressFailuresPerMinute: limit.default(1_000).describe('Failed authentications of one address in a minute'),
  addressHandshakesPerSecond: limit.default(100).describe('TLS handshakes of one address in a second'),
  addressHandshakesPerMinute: limit.default(3_000).describe('TLS handshakes of one address in a minute'),
});

export const settingsSchema = everySetting.superRefine((settings, context) => {
  for (const environment of environments) {
    const certificate = `${environment}PartnerCaCertificate` as const;
    const key = `${environment}PartnerCaKey` as const;
    if ((settings[certificate] === undefined) === (settings[key] === undefined)) continue;
    const [missing, set] = settings[key] === undefined ? [key, certificate] : [certificate, key];
    context.addIssue({ code: 'custom', path: [missing], message: `must be set, because ${variableName(set)} is` });
  }
});

export type Settings = Readonly<z.infer<typeof settingsSchema>>;
export type SettingName = keyof Settings;

export const settingNames = Object.keys(settingsSchema.shape) as SettingName[];

const secretSettings: ReadonlySet<SettingName> = new Set([
  'databaseUrl',
  'masterKey',
  'sandboxPartnerCaKey',
  'productionPartnerCaKey',
]);

export function isSecretSetting(name: SettingName): boolean {
  return secretSettings.has(name);
}

/** `dataDir` is `TOLLWARD_DATA_DIR`. */
export function variableName(name: SettingName): string {
  return `TOLLWARD_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
