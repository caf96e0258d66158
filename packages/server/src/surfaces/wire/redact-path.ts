import { redactSecrets } from '@tollward/protocol';

/**
 * A path that strangers chose, fit for a log, a record or an answer. An escape can spell any part of a secret, and escapes
 * can be escaped again; no path of ours has one, so nothing after the first is shown.
 */
export function redactPath(path: string): string {
  const firstEscape = path.indexOf('%');
  return redactSecrets(firstEscape < 0 ? path : `${path.slice(0, firstEscape)}***`);
}
