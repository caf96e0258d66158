// Where a client talks to. Credentials, certificates and keys of one environment are unknown in the other, so mixing them is found
// before anything is sent.

import { parseSecret } from '@tollward/protocol';
import { ConfigurationError, EnvironmentMismatchError } from './errors.js';
import type { EnvironmentOption } from './options.js';
import { refuseUnknown } from './read-values.js';

/** The two environments of the API. Credentials, certificates and keys of one are unknown in the other. */
export type EnvironmentName = 'sandbox' | 'production';

export interface ResolvedEnvironment {
  /** Scheme, host and port, as in `https://api.example.com:8443`. */
  readonly origin: string;
  /** What stands before every path, `/2026Q3` for example; empty for most. */
  readonly basePath: string;
  /** Undefined for a base URL that nobody gave a name to. */
  readonly name: EnvironmentName | undefined;
}

const hosts: Readonly<Record<EnvironmentName, { readonly plain: string; readonly mtls: string }>> = {
  sandbox: { plain: 'api.wise-sandbox.com', mtls: 'api-mtls.wise-sandbox.com' },
  production: { plain: 'api.wise.com', mtls: 'api-mtls.transferwise.com' },
};

interface KnownHost {
  readonly environment: EnvironmentName;
  /** The host of the same environment that takes client certificates. */
  readonly mtls: string;
}

const sandbox: KnownHost = { environment: 'sandbox', mtls: hosts.sandbox.mtls };
const sandboxBefore: KnownHost = { environment: 'sandbox', mtls: 'api-mtls.sandbox.transferwise.tech' };
const production: KnownHost = { environment: 'production', mtls: hosts.production.mtls };

const knownHosts: ReadonlyMap<string, KnownHost> = new Map([
  ['api.wise-sandbox.com', sandbox],
  ['api-mtls.wise-sandbox.com', sandbox],
  ['api.sandbox.transferwise.tech', sandboxBefore],
  ['api-mtls.sandbox.transferwise.tech', sandboxBefore],
  ['api.wise.com', production],
  ['api.transferwise.com', production],
  ['api-mtls.transferwise.com', production],
]);

/**
 * @throws ConfigurationError for what is neither a name nor a usable base URL
 * @throws EnvironmentMismatchError for a known host under the name of the other environment
 */
export function resolveEnvironment(option: EnvironmentOption, withMtls: boolean): ResolvedEnvironment {
  if (option === 'sandbox' || option === 'production') {
    return { origin: `https://${hosts[option][withMtls ? 'mtls' : 'plain']}`, basePath: '', name: option };
  }
  if (typeof option !== 'string') refuseUnknown(option, ['baseUrl', 'name'], 'options.environment');
  const { baseUrl, name } = typeof option === 'string' ? { baseUrl: option, name: undefined } : option;
  if (name !== undefined && name !== 'sandbox' && name !== 'production') {
    throw new ConfigurationError("environment.name has to be 'sandbox' or 'production'");
  }
  const url = readBaseUrl(baseUrl, withMtls);
  const known = knownHosts.get(url.hostname);
  if (known !== undefined && name !== undefined && known.environment !== name) {
    throw new EnvironmentMismatchError(
      `${url.hostname} is a host of ${known.environment}, and the environment is called ${name}. Take the host of ${name}, or correct the name.`,
    );
  }
  if (known !== undefined && withMtls && url.hostname !== known.mtls) {
    throw new ConfigurationError(
      `${url.hostname} asks for no client certificate, and \`mtls\` is given. The host for it is ${known.mtls}.`,
    );
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, ''), name: name ?? known?.environment };
}

function readBaseUrl(text: unknown, withMtls: boolean): URL {
  const url = typeof text === 'string' && URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ConfigurationError(
      "environment has to be 'sandbox', 'production' or a base URL such as https://api.example.com",
    );
  }
  // In DNS a dot at the end changes nothing, and here it would hide which host it is.
  url.hostname = url.hostname.replace(/\.+$/, '');
  if (url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw new ConfigurationError('The base URL may have a path, but no user, password, query or fragment.');
  }
  if (url.protocol === 'http:' && withMtls) {
    throw new ConfigurationError(`A client certificate needs https:, and the base URL is ${url.origin}.`);
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new ConfigurationError(`Over http: anybody on the way could read the token. Use https: for ${url.host}.`);
  }
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d+){3}$/.test(hostname);
}

/**
 * Compares everything that says which environment it belongs to.
 *
 * @throws EnvironmentMismatchError when two of them differ
 */
export function checkIssuedFor(environment: ResolvedEnvironment, issuedFor: EnvironmentName | undefined): void {
  if (issuedFor === undefined || environment.name === undefined || issuedFor === environment.name) return;
  throw mismatch(`These credentials were made for ${issuedFor}`, environment, environment.name);
}

/**
 * Checks what a secret of Tollward says of itself; a secret of another form says nothing.
 *
 * @throws EnvironmentMismatchError for one of the other environment
 * @throws ConfigurationError for one that was cut off, changed, or is no client secret
 */
export function checkSecret(
  secret: string,
  environment: ResolvedEnvironment,
  issuedFor: EnvironmentName | undefined,
): void {
  if (!secret.startsWith('tlw_')) return;
  const parsed = parseSecret(secret);
  if (!parsed.ok) {
    throw new ConfigurationError(
      'The client secret was cut off or changed: it starts like one, but its end is wrong. Copy it again.',
    );
  }
  if (parsed.kind !== 'cs') {
    throw new ConfigurationError(`This is no client secret (tlw_..._cs_...) but one of the kind "${parsed.kind}".`);
  }
  const expected = environment.name ?? issuedFor;
  if (expected !== undefined && parsed.environment !== expected) {
    throw mismatch(`The client secret is one of ${parsed.environment}`, environment, expected);
  }
}

function mismatch(what: string, environment: ResolvedEnvironment, expected: EnvironmentName): EnvironmentMismatchError {
  return new EnvironmentMismatchError(
    `${what}, and the client is for ${expected} (${environment.origin}). Each environment has credentials and certificates of its own.`,
  );
}
