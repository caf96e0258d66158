import type { SecureContext } from 'node:tls';
import { buildConnector } from 'undici';

/** The errors tell it only sometimes, and it decides whether a request may be repeated. */
const connectFailures = new WeakSet<Error>();

/** Whether no byte of a request can have been sent, because its connection, or the handshake on it, failed. */
export function failedToConnect(error: unknown): boolean {
  return error instanceof Error && connectFailures.has(error);
}

/** Connections with this certificate and these authorities, over HTTP/1.1. */
export function openConnector(secureContext: SecureContext): buildConnector.connector {
  const connect = buildConnector({ secureContext, rejectUnauthorized: true, allowH2: false });
  return (options, callback) =>
    connect(options, (...outcome) => {
      const [error, socket] = outcome;
      if (error !== null) connectFailures.add(error);
      // With TLS 1.3 the handshake is over for us before the server refuses our certificate. Its alert does not end the socket, and
      // undici would only report the end that follows.
      else socket.on('error', (fault) => isOfTls(fault) && socket.destroy(fault));
      callback(...outcome);
    });
}

function isOfTls(fault: Error): boolean {
  return 'code' in fault && typeof fault.code === 'string' && fault.code.startsWith('ERR_SSL_');
}
