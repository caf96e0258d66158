import { redact } from './observe/redact.js';

/** What may be kept of an error of somebody else: its name, code and message. What was hung on it may hold secrets. */
export function plainCause(error: unknown, secrets: readonly string[] = []): Error | undefined {
  if (!(error instanceof Error)) return undefined;
  const plain = new Error(redact(error.message, secrets));
  plain.name = error.name;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? Object.assign(plain, { code }) : plain;
}
