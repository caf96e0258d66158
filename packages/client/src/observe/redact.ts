// Nothing secret may come back to a log by way of a text of somebody else: some servers repeat the token in their answer, and errors of
// sockets may carry the options that the connection was made with.

import { redactSecrets } from '@tollward/protocol';

/** Replaces everything that has the form of a secret of Tollward, and each of `secrets`, whatever its form. */
export function redact(text: string, secrets: readonly string[] = []): string {
  const known = secrets.filter((secret) => secret !== '').flatMap(writtenForms);
  return redactSecrets(known.reduce((rest, secret) => rest.replaceAll(secret, '***'), text));
}

/** As it is, as some write it in JSON, and as in a URL. */
function writtenForms(secret: string): string[] {
  return [secret, secret.replaceAll('/', '\\/'), encodeURIComponent(secret)];
}

/** A text of somebody else for a message or a log: on one line, without what would steer a terminal, and not endless. */
export function quote(text: string, longest: number): string {
  const line = text.replaceAll(/[\s\p{C}]+/gu, ' ').trim();
  return line.length > longest ? `${line.slice(0, longest)}...` : line;
}
