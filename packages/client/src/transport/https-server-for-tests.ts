// A server that says which client certificate it sees.

import type { IncomingMessage } from 'node:http';
import { createServer, type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type PeerCertificate, TLSSocket } from 'node:tls';

export interface Seen {
  readonly name: string;
  /** Names the connection. */
  readonly port: number;
  readonly isResumed: boolean;
}

export interface RunningServer {
  readonly origin: string;
  /** The requests to `/slow` that wait, in their order: call one to answer it. */
  readonly waiting: (() => void)[];
  /** The ports at the other end of all open connections. */
  openPorts(): readonly number[];
  close(): Promise<void>;
}

/** Answers with `Seen`. */
export async function startHttpsServer(options: ServerOptions): Promise<RunningServer> {
  const waiting: (() => void)[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer(options, (request, response) => {
    const answer = () => response.end(JSON.stringify(seenBy(request)));
    if (request.url === '/slow') waiting.push(answer);
    else answer();
  });
  server.on('secureConnection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    waiting,
    openPorts: () => [...sockets].flatMap(({ remotePort }) => remotePort ?? []),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function seenBy({ socket }: IncomingMessage): Seen {
  if (!(socket instanceof TLSSocket)) throw new Error('it is no TLS socket');
  const peer: Partial<PeerCertificate> = socket.getPeerCertificate();
  return { name: String(peer.subject?.CN), port: socket.remotePort ?? 0, isResumed: socket.isSessionReused() };
}
