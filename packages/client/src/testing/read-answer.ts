import { SandboxError } from './sandbox-error.js';

/** Of an answer of the server. @throws SandboxError when it is not there, as with another version */
export function textAt(answer: unknown, ...path: readonly string[]): string {
  let value = answer;
  for (const name of path) {
    value = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
  }
  if (typeof value === 'string') return value;
  throw new SandboxError(`The server's answer has no ${path.join('.')}. Are both packages of the same version?`);
}
