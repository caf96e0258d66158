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

/** Longer ones fire at once (setTimeout). */
const maximumTimerMs = 2_147_483_647;

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
  const environment = resolveEnvironment(options.environment, options.mtls !== undefined);
  checkIssuedFor(environment, issuedFor);
  return {
    environment,
    issuedFor,
    clientId,
    clientSecret:
      typeof clientSecret === 'function' ? clientSecret : readSecret(clientSecret, { environment, issuedFor }),
    mtls: options.mtls,
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

/** In milliseconds. @throws ConfigurationError */
export function readMinimumRemaining(seconds: number | undefined, name: string): number | undefined {
  return seconds === undefined ? undefined : readNumber(seconds, 0, name, { from: 0, to: 1e9 }) * 1000;
}

/** @throws ConfigurationError */
export function readTimeout(given: number | undefined, otherwise: number, name: string): number {
  return readNumber(given, otherwise, name, { from: 1, to: maximumTimerMs });
}

function readNumber(
  given: unknown,
  otherwise: number,
  name: string,
  { from, to, whole = false }: { readonly from: number; readonly to: number; readonly whole?: boolean },
): number {
  if (given === undefined) return otherwise;
  if (typeof given === 'number' && given >= from && given <= to && (!whole || Number.isInteger(given))) return given;
  throw new ConfigurationError(`${name} has to be a ${whole ? 'whole ' : ''}number from ${from} to ${to}`);
}

function readBoolean(given: unknown, otherwise: boolean, name: string): boolean {
  if (given === undefined) return otherwise;
  if (typeof given === 'boolean') return given;
  throw new ConfigurationError(`${name} has to be true or false`);
}

function readFunction<F>(given: F | undefined, name: string): F | undefined {
  if (given === undefined || typeof given === 'function') return given;
  throw new ConfigurationError(`${name} has to be a function`);
}

/** @throws ConfigurationError for something that is no object, or has a member nobody would read */
export function refuseUnknown(given: unknown, names: readonly string[], where: string): void {
  if (typeof given !== 'object' || given === null) throw new ConfigurationError(`${where} has to be an object`);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ConfigurationError(`${where} has no member "${unknown}". Known are: ${names.join(', ')}`);
  }
}
