import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunningTollward } from '../compose.js';
import type { SeededEnvironment } from './seed.js';

const program = fileURLToPath(new URL('../../bin/tollward.js', import.meta.url));

/** What `dev` prints when it is ready: lines to paste, with absolute paths and no secret in them. */
export function renderQuickStart(dataDir: string, sandbox: SeededEnvironment, tollward: RunningTollward): string {
  const { partner, other, caFile } = sandbox;
  const url = tollward.urlOf('sandbox', 'api-mtls');
  const tokenFile = join(dirname(partner.keyFile), 'token.json');
  const tls = (files: { certificateFile: string; keyFile: string }): string[] => [
    `--cacert ${quote(caFile)}`,
    // curl takes what follows a plain colon for the password of the key.
    `--cert ${quote(files.certificateFile.replaceAll(/[\\:]/g, '\\$&'))}`,
    `--key ${quote(files.keyFile)}`,
  ];
  const curl = `curl --silent --show-error --write-out '\\n'`;
  const login = `--config ${quote(partner.curlConfigFile)}`;
  const form = '--data grant_type=client_credentials';
  const bearer = `sed 's/.*"access_token":"\\([^"]*\\)".*/header = "Authorization: Bearer \\1"/' ${quote(tokenFile)}`;

  return [
    'Tollward is ready: sandbox and production, on this machine only.',
    '',
    '1. Get an access token: HTTP Basic over mutual TLS.',
    '',
    command(curl, ...tls(partner), login, form, `${url}/oauth/token | tee ${quote(tokenFile)}`),
    '',
    '2. Use it.',
    '',
    command(`${bearer} | ${curl} --config -`, ...tls(partner), `${url}/v1/authenticated/playground`),
    '',
    '3. See it refused: the token request without a certificate, then the call with the certificate of the other partner.',
    '',
    command(`${curl} --include`, `--cacert ${quote(caFile)}`, login, form, `${url}/oauth/token`),
    '',
    command(`${bearer} | ${curl} --include --config -`, ...tls(other), `${url}/v1/authenticated/playground`),
    '',
    '4. Ask why, with the x-trace-id of an answer.',
    '',
    `   node ${quote(program)} explain --data-dir ${quote(dataDir)} TRACE-ID`,
    '',
    `Sandbox      ${tollward.urlOf('sandbox', 'api')}  (mutual TLS: ${url})`,
    `Production   ${tollward.urlOf('production', 'api')}  (mutual TLS: ${tollward.urlOf('production', 'api-mtls')})`,
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

/** For a POSIX shell. */
function quote(path: string): string {
  return /^[\w./@%+=,-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
