// Untrusted options into settings. Programs without types meet the same checks: a misspelt `mtls` must not mean "no certificate".

import {
  checkIssuedFor,
  checkSecret,
  type EnvironmentName,
  type ResolvedEnvironment,
  resolveEnvironment,
} from './environments.js';
import { ConfigurationError } from './errors.js';
import type { ClientEvent, CredentialSource, MtlsOptions, PartnerClientOptions } from './options.js';
import {
  maximumTimerMs,
  readBoolean,
  readFunction,
  readMinimumRemaining,
  readNumber,
  readTimeout,
  refuseUnknown,
} from './read-values.js';

export interface ClientSettings {
  readonly environment: ResolvedEnvironment;
  readonly issuedFor: EnvironmentName | undefined;
  readonly clientId: string;
  readonly clientSecret: string | (() => string | Promise<string>);
  readonly mtls: MtlsOptions | undefined;
  readonly ca: CredentialSource | undefined;
  readonly systemAuthorities: boolean;
  readonly minimumRemainingMs: number | undefined;
  readonly renewAhead: boolean;
  readonly timeoutMs: number;
  readonly attempts: number;
  readonly maximumDelayMs: number;
  readonly onEvent: ((event: ClientEvent) => void) | undefined;
}

const known: readonly string[] = [
  'environment',
  'clientId',
  'clientSecret',
  'mtls',
  'issuedFor',
  'ca',
  'systemAuthorities',
  'tokens',
  'timeoutMs',
  'retry',
  'onEvent',
] satisfies (keyof PartnerClientOptions)[];

const knownOfMtls: readonly string[] = [
  'cert',
  'key',
  'pfx',
  'passphrase',
  'watch',
  'reloadSeconds',
] satisfies (keyof MtlsOptions)[];

/** VSCHAR of RFC 6749 appendix A: of what client ids and secrets are made. */
const visible = /^[\x20-\x7e]+$/;

/** @throws ConfigurationError @throws EnvironmentMismatchError */
export function readOptions(options: PartnerClientOptions): ClientSettings {
  refuseUnknown(options, known, 'options');
  const { tokens = {}, retry = {}, issuedFor, clientId, clientSecret } = options;
  refuseUnknown(tokens, ['minimumRemainingSeconds', 'renewAhead'], 'options.tokens');
  refuseUnknown(retry, ['attempts', 'maximumDelayMs'], 'options.retry');
  if (typeof clientId !== 'string' || !visible.test(clientId)) {
    throw new ConfigurationError('options.clientId has to be the id of the client, as you got it with its secret.');
  }
  if (issuedFor !== undefined && issuedFor !== 'sandbox' && issuedFor !== 'production') {
    throw new ConfigurationError("options.issuedFor has to be 'sandbox' or 'production'");
  }
  const mtls = readMtls(options.mtls);
  checkSource(options.ca, 'options.ca');
  const environment = resolveEnvironment(options.environment, mtls !== undefined);
  checkIssuedFor(environment, issuedFor);
  return {
    environment,
    issuedFor,
    clientId,
    clientSecret:
      typeof clientSecret === 'function' ? clientSecret : readSecret(clientSecret, { environment, issuedFor }),
    mtls,
    ca: options.ca,
    systemAuthorities: readBoolean(options.systemAuthorities, true, 'options.systemAuthorities'),
    minimumRemainingMs: readMinimumRemaining(tokens.minimumRemainingSeconds, 'options.tokens.minimumRemainingSeconds'),
    renewAhead: readBoolean(tokens.renewAhead, true, 'options.tokens.renewAhead'),
    timeoutMs: readTimeout(options.timeoutMs, 60_000, 'options.timeoutMs'),
    attempts: readNumber(retry.attempts, 3, 'options.retry.attempts', { from: 1, to: 100, whole: true }),
    maximumDelayMs: readNumber(retry.maximumDelayMs, 10_000, 'options.retry.maximumDelayMs', {
      from: 0,
      to: maximumTimerMs,
    }),
    onEvent: readFunction(options.onEvent, 'options.onEvent'),
  };
}

/**
 * A secret as it is sent. Line breaks at its end belong to the file it was read from: no secret can contain one.
 *
 * @throws ConfigurationError @throws EnvironmentMismatchError
 */
export function readSecret(
  given: unknown,
  { environment, issuedFor }: Pick<ClientSettings, 'environment' | 'issuedFor'>,
): string {
  const secret = typeof given === 'string' ? given.replace(/[\r\n]+$/, '') : '';
  if (!visible.test(secret)) {
    throw new ConfigurationError('options.clientSecret has to be the secret as text, or a function that gives it.');
  }
  checkSecret(secret, environment, issuedFor);
  return secret;
}

/** Whether the sources can be read is seen at the first call. @throws ConfigurationError */
function readMtls(mtls: MtlsOptions | undefined): MtlsOptions | undefined {
  if (mtls === undefined) return undefined;
  refuseUnknown(mtls, knownOfMtls, 'options.mtls');
  const { cert, key, pfx, passphrase, watch, reloadSeconds } = mtls;
  for (const name of ['cert', 'key', 'pfx'] as const) checkSource(mtls[name], `options.mtls.${name}`);
  if (pfx === undefined ? cert === undefined || key === undefined : cert !== undefined || key !== undefined) {
    throw new ConfigurationError('options.mtls has to have either cert and key, or pfx.');
  }
  if (passphrase !== undefined && typeof passphrase !== 'string' && typeof passphrase !== 'function') {
    throw new ConfigurationError('options.mtls.passphrase has to be text, or a function that gives it.');
  }
  readBoolean(watch, true, 'options.mtls.watch');
  readNumber(reloadSeconds, 0, 'options.mtls.reloadSeconds', { from: 0, to: 1e9 });
  return mtls;
}

function checkSource(source: unknown, name: string): void {
  if (source === undefined || typeof source === 'string' || typeof source === 'function') return;
  if (source instanceof Uint8Array) return;
  throw new ConfigurationError(
    `${name} has to be text, bytes, the path of a file, or a function that gives one of them.`,
  );
}
