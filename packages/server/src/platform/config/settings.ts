// Every setting of the program in one schema. A setting is read from, in this order: the command line, the environment
// (also as NAME_FILE), config.json in the data directory, the default.

import { environments } from '@tollward/protocol';
import { z } from 'zod';
import { logLevels } from '../observability/log.js';

/** Text, because z.coerce would read the word "false" as true. */
const switchOf = () => z.enum(['true', 'false'], 'must be true or false').default('false');

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

const publicUrl = (environment: string, what: string) =>
  z
    .url({ protocol: /^https$/, error: 'must be an https URL, as https://api.example.com' })
    .refine(
      (text) => URL.canParse(text) && new URL(text).origin === text,
      'must be an origin: no path, no trailing slash',
    )
    .optional()
    .describe(
      `Base URL of the ${what} listener of ${environment} as partners reach it; https://localhost with its port when left out`,
    );

const serverCertificate = (environment: string) =>
  z
    .string()
    .optional()
    .describe(
      `Certificate that the listeners of ${environment} show, in PEM, followed by its issuers; given as a file it is read again when it changes. Left out, the platform authority signs one`,
    );
const serverKey = (environment: string) =>
  z.string().optional().describe(`Private key of the server certificate of ${environment}, in PEM and not encrypted`);

const policy = (environment: string) =>
  z
    .string()
    .optional()
    .describe(
      `Route policy of ${environment} in YAML; given as a file it is read again at SIGHUP. Left out, the one that comes with the program (policy/default.yaml)`,
    );
const upstream = (environment: string) =>
  z
    .url({ protocol: /^https?$/, error: 'must be an http or https URL, as http://money.internal:8080' })
    .optional()
    .describe(
      `Base URL of the API behind ${environment}, for the upstreams of its policy that name none; dev starts a simulator when left out`,
    );

const everySetting = z.object({
  dataDir: z.string().min(1).default('./.tollward').describe('Folder for everything the program keeps'),
  environment: z
    .enum([...environments, 'both'])
    .default('both')
    .describe('Which environments this process serves: sandbox, production or both'),
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
  operationsHost: z.string().min(1).default('127.0.0.1').describe('Address that health and metrics bind to'),
  sandboxApiUrl: publicUrl('sandbox', 'api'),
  sandboxMtlsUrl: publicUrl('sandbox', 'mutual TLS'),
  productionApiUrl: publicUrl('production', 'api'),
  productionMtlsUrl: publicUrl('production', 'mutual TLS'),
  sandboxServerCertificate: serverCertificate('sandbox'),
  sandboxServerKey: serverKey('sandbox'),
  productionServerCertificate: serverCertificate('production'),
  productionServerKey: serverKey('production'),
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
  otherMasterKey: z
    .string()
    .optional()
    .describe(
      'A second master key that opens and never seals: the next one or the one before, while the master key is rotated',
    ),
  sandboxPartnerCaCertificate: authorityCertificate('sandbox'),
  sandboxPartnerCaKey: authorityKey('sandbox'),
  productionPartnerCaCertificate: authorityCertificate('production'),
  productionPartnerCaKey: authorityKey('production'),
  sandboxPolicy: policy('sandbox'),
  productionPolicy: policy('production'),
  sandboxUpstream: upstream('sandbox'),
  productionUpstream: upstream('production'),
  clientRequestsPerSecond: limit.default(100).describe('Requests of one client in a second'),
  clientRequestsPerMinute: limit.default(1_000).describe('Requests of one client in a minute'),
  addressRequestsPerSecond: limit.default(500).describe('Requests of one address in a second'),
  addressRequestsPerMinute: limit.default(15_000).describe('Requests of one address in a minute'),
  addressFailuresPerSecond: limit.default(100).describe('Failed authentications of one address in a second'),
  addressFailuresPerMinute: limit.default(1_000).describe('Failed authentications of one address in a minute'),
  addressHandshakesPerSecond: limit.default(100).describe('TLS handshakes of one address in a second'),
  addressHandshakesPerMinute: limit.default(3_000).describe('TLS handshakes of one address in a minute'),
  unsafeServeStaleStandingSeconds: z.coerce
    .number()
    .int()
    .min(0)
    .max(60)
    .default(0)
    .describe(
      'Keep answering from the cache for so long after the database was last reached: a revocation may take as much longer to be seen',
    ),
  unsafeNoSca: switchOf().describe(
    'Forward calls in production that need strong customer authentication, although this version can not ask for it',
  ),
  unsafeDatabaseWithoutTls: switchOf().describe(
    'Let the database be reached over a network without TLS: whoever listens reads hashes and sealed keys, and can change answers',
  ),
});

const pairs = environments.flatMap((environment) => [
  [`${environment}PartnerCaCertificate`, `${environment}PartnerCaKey`] as const,
  [`${environment}ServerCertificate`, `${environment}ServerKey`] as const,
]);

export const settingsSchema = everySetting.superRefine((settings, context) => {
  for (const [certificate, key] of pairs) {
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
  'otherMasterKey',
  'sandboxPartnerCaKey',
  'productionPartnerCaKey',
  'sandboxServerKey',
  'productionServerKey',
]);

export function isSecretSetting(name: SettingName): boolean {
  return secretSettings.has(name);
}

/** `dataDir` is `TOLLWARD_DATA_DIR`. */
export function variableName(name: SettingName): string {
  return `TOLLWARD_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}
