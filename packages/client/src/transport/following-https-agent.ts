import type { ClientRequest } from 'node:http';
import { Agent, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type SecureContext } from 'node:tls';

/**
 * Opens each connection with the newest certificate, and takes none again that was opened with another. It keeps no TLS
 * sessions: one that is resumed would bring back the certificate of its first handshake (RFC 8446 section 2.2).
 */
export class FollowingHttpsAgent extends Agent {
  readonly #newest: () => Promise<SecureContext>;
  readonly #contexts = new WeakMap<Duplex, SecureContext>();
  readonly #open = new Set<Duplex>();
  #current: SecureContext | undefined;
  #isClosed = false;

  constructor(newest: () => Promise<SecureContext>) {
    super({ keepAlive: true });
    this.#newest = newest;
  }

  override createConnection(
    options: RequestOptions & ConnectionOptions,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#newest().then(
      (secureContext) => {
        this.use(secureContext);
        const socket = connect({ ...options, secureContext, rejectUnauthorized: true });
        this.#contexts.set(socket, secureContext);
        this.#open.add(socket);
        socket.once('close', () => this.#open.delete(socket));
        callback?.(null, socket);
      },
      // Node passes on either an error or a stream, whatever its types say.
      (error: Error) => (callback as ((error: Error) => void) | undefined)?.(error),
    );
  }

  /** Ends the idle connections of all others. */
  use(secureContext: SecureContext): void {
    if (this.#current === secureContext) return;
    this.#current = secureContext;
    for (const sockets of Object.values(this.freeSockets)) {
      for (const socket of sockets ?? []) if (!this.#isCurrent(socket)) socket.destroy();
    }
  }

  /** Lets running calls end: resolves when no connection is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const sockets of Object.values(this.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    await Promise.all(Array.from(this.#open, (socket) => new Promise((resolve) => socket.once('close', resolve))));
  }

  /** Breaks all connections, also those that left the pool, as by an upgrade. */
  override destroy(): void {
    super.destroy();
    for (const socket of this.#open) socket.destroy();
  }

  override keepSocketAlive(socket: Duplex): boolean {
    // Its type says nothing of what it answers.
    const isKept: unknown = super.keepSocketAlive(socket);
    return isKept === true && !this.#isClosed && this.#isCurrent(socket);
  }

  /** With connections to take again nobody asks for the newest certificate, so it is asked for here, for the next call. */
  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    super.reuseSocket(socket, request);
    this.#newest().catch(() => undefined);
  }

  #isCurrent(socket: Duplex): boolean {
    return this.#contexts.get(socket) === this.#current;
  }
}
