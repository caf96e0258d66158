import { CertificateError } from '../errors.js';
import { plainCause } from '../plain-cause.js';

const longestMs = 30_000;

/**
 * What a function of the caller gives, or a read of the file system.
 *
 * @param what is what a message calls it
 * @throws CertificateError when it fails, or takes longer than 30 s: nothing else would ever end the wait for it
 */
export async function askSource<T>(work: () => T | Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message = `${what} gave no answer in ${longestMs / 1_000} s.`;
      reject(new CertificateError(message, { code: 'source-failed' }));
    }, longestMs);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (error) {
    if (error instanceof CertificateError) throw error;
    // What it says may have a secret in it, so it is the cause only.
    throw new CertificateError(`${what} failed: its error is the \`cause\` of this one.`, {
      code: 'source-failed',
      cause: plainCause(error),
    });
  } finally {
    clearTimeout(timer);
  }
}
