import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Environment, environments } from '@tollward/protocol';
import type { RunningTollward } from '../compose.js';
import type { SeededEnvironment } from './seed.js';
import { quote, tlsOptions } from './shell-words.js';
import { renderStory } from './story.js';

const program = fileURLToPath(new URL('../../bin/tollward.js', import.meta.url));

export interface QuickStartContent {
  readonly dataDir: string;
  readonly sandbox: SeededEnvironment;
  readonly tollward: Pick<RunningTollward, 'urlOf' | 'operationsUrl'>;
  /** Whether the simulator and the routes that come with the program are behind the sandbox. */
  readonly isSimulated: boolean;
  readonly policyFileOf: (environment: Environment) => string | undefined;
  readonly simulatorOf: (environment: Environment) => string | undefined;
  readonly now: number;
}

/** What `dev` prints when it is ready: lines to paste, with absolute paths and no secret in them. */
export function renderQuickStart(content: QuickStartContent): string {
  const { dataDir, sandbox, tollward, isSimulated, policyFileOf, simulatorOf, now } = content;
  const { partner, other, caFile } = sandbox;
  const url = tollward.urlOf('sandbox', 'api-mtls');
  const tokenFile = join(dirname(partner.keyFile), 'token.json');
  const curl = `curl --silent --show-error --write-out '\\n'`;
  const login = `--config ${quote(partner.curlConfigFile)}`;
  const form = '--data grant_type=client_credentials';
  const bearer = `sed 's/.*"access_token":"\\([^"]*\\)".*/header = "Authorization: Bearer \\1"/' ${quote(tokenFile)}`;
  const explain = `node ${quote(program)} explain --data-dir ${quote(dataDir)}`;

  return [
    'Tollward is ready: sandbox and production, on this machine only.',
    '',
    '1. Get an access token: HTTP Basic over mutual TLS.',
    '',
    command(curl, ...tlsOptions(caFile, partner), login, form, `${url}/oauth/token | tee ${quote(tokenFile)}`),
    '',
    '2. Use it.',
    '',
    command(`${bearer} | ${curl} --config -`, ...tlsOptions(caFile, partner), `${url}/v1/authenticated/playground`),
    '',
    '3. See it refused: the token request without a certificate, then the call with the certificate of the other partner.',
    '',
    command(`${curl} --include`, `--cacert ${quote(caFile)}`, login, form, `${url}/oauth/token`),
    '',
    command(
      `${bearer} | ${curl} --include --config -`,
      ...tlsOptions(caFile, other),
      `${url}/v1/authenticated/playground`,
    ),
    '',
    '4. Ask why, with the x-trace-id of an answer.',
    '',
    `   ${explain} TRACE-ID`,
    '',
    ...(isSimulated ? renderStory(sandbox.callsFile, explain, now) : []),
    `Sandbox      ${tollward.urlOf('sandbox', 'api')}  (mutual TLS: ${url})`,
    `Production   ${tollward.urlOf('production', 'api')}  (mutual TLS: ${tollward.urlOf('production', 'api-mtls')})`,
    `OpenAPI      ${tollward.urlOf('sandbox', 'api')}/openapi.json`,
    ...fact('Policy', policyFileOf),
    ...fact('Simulator', simulatorOf),
    `Health       ${tollward.operationsUrl}/health/ready`,
    `For scripts  ${join(dataDir, 'sandbox.env')}, ${join(dataDir, 'production.env')}`,
    `Files        ${dataDir}`,
    '',
    'Stop with Ctrl-C. One line of JSON per request follows.',
    '',
  ].join('\n');
}

function command(first: string, ...rest: string[]): string {
  return `   ${[first, ...rest].join(' \\\n     ')}`;
}

/** One line, with the environments named where they differ; none where there is nothing to say. */
function fact(name: string, of: (environment: Environment) => string | undefined): readonly string[] {
  const [first, second] = environments.map(of);
  const named = environments.filter((environment) => of(environment) !== undefined);
  if (named.length === 0) return [];
  const text = first === second ? first : named.map((environment) => `${of(environment)} (${environment})`).join(', ');
  return [`${name.padEnd(12)} ${text}`];
}
