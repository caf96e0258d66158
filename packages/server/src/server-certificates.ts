// What the listeners show of themselves: a certificate of the settings, read again when its files change, or one that the
// platform authority signed, made anew before it ends and when another authority takes over.

import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Environment, environments } from '@tollward/protocol';
import {
  type Authorities,
  type BroughtServerCertificate,
  noticeDays,
  parseServerCertificate,
  ServerCertificateError,
  type ServerCertificateTexts,
  signServerCertificate,
} from './certificates/index.js';
import type { SettingFiles } from './platform/config/load-settings.js';
import { type Settings, variableName } from './platform/config/settings.js';
import type { ListenerCertificate } from './platform/listeners/tls-listener.js';
import type { Log } from './platform/observability/log.js';

export interface ShownCertificate extends ListenerCertificate {
  /** Comes from the settings. */
  readonly brought: boolean;
}

export interface ServerCertificates {
  /** What its listeners show, which is the one before while `show` refuses another. */
  of(environment: Environment): ShownCertificate;
  /** Looks for others and gives them to `show`; resolves to the environments that show another one now. */
  refresh(now: number, show: ShowCertificate): Promise<readonly Environment[]>;
}

/** @throws when OpenSSL can not use it */
export type ShowCertificate = (environment: Environment, certificate: ShownCertificate) => void;

export interface ServerCertificatesOptions {
  readonly settings: Settings;
  /** The files that settings came from. */
  readonly files: SettingFiles;
  readonly environments: readonly Environment[];
  readonly authorities: Authorities;
  readonly log: Log;
}

/** One environment's certificate. */
interface Source {
  current(): ShownCertificate;
  /** Resolves to whether another one is shown now. */
  refresh(now: number, show: (certificate: ShownCertificate) => void): Promise<boolean>;
}

const dayMs = 86_400_000;
/** Before the first notice that it ends. */
const renewedBeforeEndMs = (noticeDays[0] + 1) * dayMs;
const ownNames = ['localhost', '127.0.0.1', '::1'];

/** @throws ServerCertificateError when one of the settings can not be used, whatever the time is */
export async function openServerCertificates(
  options: ServerCertificatesOptions,
  now: number,
): Promise<ServerCertificates> {
  const sources = new Map<Environment, Source>();
  for (const environment of options.environments) {
    const texts = textsOf(options.settings, environment);
    const open =
      texts === undefined ? openOwn(options, environment, now) : openBrought(options, environment, texts, now);
    sources.set(environment, await open);
  }
  return {
    of: (environment) => {
      const source = sources.get(environment);
      if (source === undefined) throw new Error(`${environment} is not served`);
      return source.current();
    },
    refresh: async (at, show) => {
      const changed: Environment[] = [];
      for (const [environment, source] of sources) {
        if (await source.refresh(at, (certificate) => show(environment, certificate))) changed.push(environment);
      }
      return changed;
    },
  };
}

/**
 * Those that the settings hold.
 *
 * @throws ServerCertificateError when one of them can not be used, whatever the time is
 */
export async function readServerCertificates(
  settings: Settings,
): Promise<readonly { readonly environment: Environment; readonly hostsNotCovered: readonly string[] }[]> {
  const found: { environment: Environment; hostsNotCovered: readonly string[] }[] = [];
  for (const environment of environments) {
    const texts = textsOf(settings, environment);
    if (texts === undefined) continue;
    const { hostsNotCovered } = await readFirst(environment, texts, hostsOf(settings, environment));
    found.push({ environment, hostsNotCovered });
  }
  return found;
}

/** Signed by the platform authority for the hosts of the public URLs. */
async function openOwn(
  { settings, authorities }: ServerCertificatesOptions,
  environment: Environment,
  now: number,
): Promise<Source> {
  const sign = async (at: number) => {
    const authority = authorities.of(environment).platform(at);
    const signed = await signServerCertificate({ authority, hosts: hostsOf(settings, environment), now: at });
    const notAfter = Date.parse(new X509Certificate(signed.chainPem).validTo);
    return { ...signed, brought: false, authorityId: authority.id, notAfter };
  };
  let current = await sign(now);
  return {
    current: () => current,
    refresh: async (at, show) => {
      const { id, endsAt } = authorities.of(environment).platform(at);
      // Another one by the same authority does not outlive it.
      const endsSoon = current.notAfter - at < renewedBeforeEndMs && current.notAfter < endsAt;
      if (current.authorityId === id && !endsSoon) return false;
      const next = await sign(at);
      show(next);
      current = next;
      return true;
    },
  };
}

async function openBrought(
  { settings, files, log: { logger } }: ServerCertificatesOptions,
  environment: Environment,
  first: ServerCertificateTexts,
  now: number,
): Promise<Source> {
  const [certificateName, keyName] = settingNamesOf(environment);
  const variables = `${variableName(certificateName)} and ${variableName(keyName)}`;
  const hosts = hostsOf(settings, environment);

  const say = (certificate: BroughtServerCertificate): ShownCertificate => {
    const { subject, validTo, fingerprint256 } = new X509Certificate(certificate.chainPem);
    const which = { environment, subject, sha256: fingerprint256, notAfter: new Date(validTo) };
    logger.info(which, 'the listeners show a certificate of the settings');
    const { hostsNotCovered } = certificate;
    if (hostsNotCovered.length > 0) {
      const fields = { ...which, hosts: hostsNotCovered };
      logger.warn(
        fields,
        'the server certificate is not good for these hosts of the public URLs: clients refuse it there',
      );
    }
    return { ...certificate, brought: true };
  };

  let opened = await readFirst(environment, first, hosts);
  let shown = first;
  let current = say(opened);
  // A server does not fail to start because of a day.
  if (!isValid(opened, now)) {
    logger.error(
      { environment },
      `the server certificate is over or not valid yet: put its successor into ${variables}`,
    );
  }
  let told: string | undefined;
  /** One of the two files may not be written yet. Told once for a content, not at every look. */
  const refuse = (texts: ServerCertificateTexts, problem: string): false => {
    const telling = [problem, texts.certificatePem, texts.keyPem].join('\n');
    if (telling !== told) {
      logger.error({ environment, problem }, `the new content of ${variables} is not used, the one before stays`);
    }
    told = telling;
    return false;
  };
  return {
    current: () => current,
    refresh: async (at, show) => {
      const { texts, unreadable } = await readTexts(first, files[certificateName], files[keyName]);
      if (unreadable !== undefined) return refuse(texts, unreadable);
      if (isSame(texts, shown)) return false;
      const decision = await parseServerCertificate(texts, hosts);
      if (!decision.ok) return refuse(texts, decision.problem);
      const { certificate } = decision;
      if (!isValid(certificate, at)) return refuse(texts, 'it is over or not valid yet');
      const lost = isValid(opened, at) ? hostsLost(opened, certificate) : [];
      if (lost.length > 0) {
        return refuse(texts, `it is not good for ${lost.join(', ')}, which the one before is good for`);
      }
      try {
        show({ ...certificate, brought: true });
      } catch (error) {
        return refuse(texts, `OpenSSL refuses it (${error instanceof Error ? error.message : 'no reason'})`);
      }
      shown = texts;
      opened = certificate;
      current = say(certificate);
      told = undefined;
      return true;
    },
  };
}

/** What clients could call until now and would refuse with the next one. */
function hostsLost(before: BroughtServerCertificate, next: BroughtServerCertificate): readonly string[] {
  return next.hostsNotCovered.filter((host) => !before.hostsNotCovered.includes(host));
}

async function readFirst(
  environment: Environment,
  texts: ServerCertificateTexts,
  hosts: readonly string[],
): Promise<BroughtServerCertificate> {
  const parsed = await parseServerCertificate(texts, hosts);
  if (parsed.ok) return parsed.certificate;
  throw new ServerCertificateError(`The server certificate of ${environment} can not be used: ${parsed.problem}.`);
}

/** A file that can not be read may be on its way. */
async function readTexts(
  first: ServerCertificateTexts,
  certificateFile: string | undefined,
  keyFile: string | undefined,
): Promise<{ readonly texts: ServerCertificateTexts; readonly unreadable: string | undefined }> {
  let unreadable: string | undefined;
  const read = async (file: string): Promise<string> => {
    try {
      return (await readFile(file, 'utf8')).trim();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
      unreadable ??= `the file ${file} can not be read (${code})`;
      return '';
    }
  };
  const certificatePem = certificateFile === undefined ? first.certificatePem : await read(certificateFile);
  const keyPem = keyFile === undefined ? first.keyPem : await read(keyFile);
  return { texts: { certificatePem, keyPem }, unreadable };
}

function isSame(left: ServerCertificateTexts, right: ServerCertificateTexts): boolean {
  return left.certificatePem === right.certificatePem && left.keyPem === right.keyPem;
}

function isValid({ validity: { notBefore, notAfter } }: BroughtServerCertificate, now: number): boolean {
  return notBefore <= now && now < notAfter;
}

function settingNamesOf(environment: Environment) {
  return [`${environment}ServerCertificate`, `${environment}ServerKey`] as const;
}

export function textsOf(settings: Settings, environment: Environment): ServerCertificateTexts | undefined {
  const [certificate, key] = settingNamesOf(environment);
  const [certificatePem, keyPem] = [settings[certificate], settings[key]];
  return certificatePem === undefined || keyPem === undefined ? undefined : { certificatePem, keyPem };
}

/** What partners reach the listeners by: the hosts of the public URLs, and this machine where there is none. */
export function hostsOf(settings: Settings, environment: Environment): readonly string[] {
  const urls = [settings[`${environment}ApiUrl`], settings[`${environment}MtlsUrl`]];
  return urls.flatMap((url) => (url === undefined ? ownNames : [hostOf(url)]));
}

/** A URL writes an IPv6 address in brackets. */
function hostOf(url: string): string {
  return new URL(url).hostname.replace(/^\[(.*)\]$/, '$1');
}
