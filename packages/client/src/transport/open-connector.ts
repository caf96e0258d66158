import { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { buildConnector } from 'undici';

/** The errors tell it only sometimes, and it decides whether a request may be repeated. */
const connectFailures = new WeakSet<Error>();
const firstWords = new WeakSet<Error>();

/** Whether no byte of a request can have been sent, because its connection, or the handshake on it, failed. */
export function failedToConnect(error: unknown): boolean {
  return error instanceof Error && connectFailures.has(error);
}

/** Whether the connection was ready, and this error was the first that came on it: no byte of any answer did. */
export function cameBeforeAnyAnswer(error: unknown): boolean {
  return error instanceof Error && firstWords.has(error);
}

/**
 * Connections with this certificate and these authorities, over HTTP/1.1.
 *
 * @param open holds them from their start to their end
 */
export function openConnector(secureContext: SecureContext, open: Set<Socket>): buildConnector.connector {
  const connect = buildConnector({ secureContext, rejectUnauthorized: true, allowH2: false });
  return (options, callback) => {
    // Its type says nothing of what it answers.
    const opened: unknown = connect(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error !== null) connectFailures.add(error);
      // With TLS 1.3 the handshake is over for us before the server refuses our certificate. Its alert does not end the socket, and
      // undici would only report the end that follows.
      else socket.on('error', (fault) => breakOff(socket, fault));
      callback(...outcome);
    });
    if (!(opened instanceof Socket)) return;
    open.add(opened);
    opened.once('close', () => open.delete(opened));
  };
}

function breakOff(socket: Socket, fault: Error): void {
  if (!('code' in fault) || typeof fault.code !== 'string' || !fault.code.startsWith('ERR_SSL_')) return;
  // Of TLS sockets it counts what was decrypted.
  if (socket.bytesRead === 0) firstWords.add(fault);
  socket.destroy(fault);
}
