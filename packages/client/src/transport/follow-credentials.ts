// The newest credentials that can be used. Files are looked at when somebody asks, so no timer and no watcher keeps the process
// alive, and it does not matter how a file was replaced.

import type { ClientEvent } from '../options.js';
import { announceExpiry } from './announce-expiry.js';
import { versionOf } from './credential-source.js';
import { type CredentialOptions, type Credentials, loadCredentials } from './load-credentials.js';

const checkFilesAfterMs = 1_000;
/** While there is nothing to use, a source that just failed is not asked for each call. */
const failAgainForMs = 1_000;
/** When a function failed, or gave something unusable. */
const askAgainAfterMs = 10_000;

export interface FollowOptions extends CredentialOptions {
  readonly clock: () => number;
  readonly onEvent: (event: ClientEvent) => void;
}

interface Followed extends FollowOptions {
  /** At once, whoever asked for it. */
  readonly onChange: (next: Credentials) => void;
}

export interface CredentialFollower {
  /** @throws CertificateError as a promise, when there never were usable ones, or they expired */
  newest(): Promise<Credentials>;
  /** Reads everything again. @throws CertificateError as a promise; what was in use stays in use */
  reload(): Promise<void>;
}

export function followCredentials(options: Followed): CredentialFollower {
  const { mtls, ca, clock, onEvent, onChange } = options;
  const isWatching = mtls?.watch ?? true;
  const hasFunctions = [mtls?.cert, mtls?.key, mtls?.pfx, ca].some((source) => typeof source === 'function');
  /** Only files are read so fast that a call may wait for it. */
  const isFast = !hasFunctions && typeof mtls?.passphrase !== 'function';
  const reloadMs = (mtls?.reloadSeconds ?? 300) * 1_000;
  const tellExpiry = announceExpiry(onEvent);

  let current: Credentials | undefined;
  let loading: Promise<Credentials> | undefined;
  let checkedAt = 0;
  let loadedAt = 0;
  let failure: { readonly error: unknown; readonly at: number } | undefined;
  /** Failures in a row, and the message that was told last. */
  let failures = 0;
  let told: string | undefined;

  function load(): Promise<Credentials> {
    loading ??= loadNow().finally(() => {
      loading = undefined;
    });
    return loading;
  }

  async function loadNow(): Promise<Credentials> {
    checkedAt = clock();
    loadedAt = checkedAt;
    try {
      const next = await loadCredentials(options, checkedAt, current);
      failures = 0;
      failure = undefined;
      told = undefined;
      const isChanged = next.secureContext !== current?.secureContext;
      current = next;
      if (isChanged) onChange(next);
      if (isChanged && next.certificate !== null) {
        const { subject, thumbprint, validTo } = next.certificate;
        onEvent({ type: 'certificate:loaded', subject, thumbprint, validTo });
      }
      return current;
    } catch (error) {
      failure = { error, at: clock() };
      if (current !== undefined) noteFailure(error);
      throw error;
    }
  }

  /** Certificate and key are replaced one after the other, so the first failure may be the moment between. */
  function noteFailure(error: unknown): void {
    failures += 1;
    if (failures < 2 || !(error instanceof Error) || error.message === told) return;
    told = error.message;
    onEvent({ type: 'certificate:reload-failed', error });
  }

  async function followFiles(known: Credentials, now: number): Promise<void> {
    if (!isWatching || known.files.length === 0 || !isDue(now, checkedAt, checkFilesAfterMs)) return;
    checkedAt = now;
    const versions = await Promise.all(known.files.map(({ path }) => versionOf(path)));
    if (known.files.every(({ version }, at) => version === versions[at])) return;
    const loaded = load().catch(() => undefined);
    if (isFast) await loaded;
  }

  function followFunctions(now: number): void {
    if (!hasFunctions || reloadMs === 0) return;
    const wait = failures === 0 ? reloadMs : Math.min(reloadMs, askAgainAfterMs);
    // Nobody waits for it: what is in use still works.
    if (isDue(now, loadedAt, wait)) void load().catch(() => undefined);
  }

  async function loadUnlessJustFailed(now: number): Promise<Credentials> {
    if (failure !== undefined && !isDue(now, failure.at, failAgainForMs)) throw failure.error;
    return load();
  }

  return {
    async newest() {
      const now = clock();
      if (current !== undefined) await followFiles(current, now);
      const usable = current === undefined || isExpired(current, now) ? await loadUnlessJustFailed(now) : current;
      followFunctions(now);
      tellExpiry(usable.certificate, now);
      return usable;
    },
    async reload() {
      // One that runs already may have read before the change that this is about.
      await loading?.catch(() => undefined);
      await load();
    },
  };
}

function isExpired({ certificate }: Credentials, now: number): boolean {
  return certificate !== null && now > certificate.validTo.getTime();
}

/** Also after a clock was set back. */
function isDue(now: number, before: number, afterMs: number): boolean {
  return Math.abs(now - before) >= afterMs;
}
