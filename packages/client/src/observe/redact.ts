// Nothing secret may come back to a log by way of a text of somebody else: some servers repeat the token in their answer, and errors of
// sockets may carry the options that the connection was made with.

import { redactSecrets } from '@tollward/protocol';

/** Replaces everything that has the form of a secret of Tollward, and each of `secrets`, whatever its form. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const known = secrets.filter((secret) => secret !== '');
  return redactSecrets(known.reduce((rest, secret) => rest.replaceAll(secret, '***'), text));
}

/** What may be kept of an error of somebody else: its name, code and message. */
export function plainCause(error: unknown, secrets: readonly string[] = []): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const plain = new Error(redact(error.message, secrets));
  plain.name = error.name;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? Object.assign(plain, { code }) : plain;
}
