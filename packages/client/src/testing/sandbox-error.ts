/** The sandbox could not be started, or a command of it failed. The message says what the server said. */
export class SandboxError extends Error {
  override readonly name = 'SandboxError';
}
