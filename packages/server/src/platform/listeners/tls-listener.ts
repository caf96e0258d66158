// A TLS listener with every limit that Node leaves open set explicitly: versions, suites, the time of a handshake, of the
// headers and of a request, header sizes, session tickets. It holds no product rule.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import type { SecureContextOptions, TLSSocket } from 'node:tls';
import { closeSoon } from './close-soon.js';
import { listenOn } from './listen.js';

export interface TlsListenerTimes {
  readonly handshakeMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
  readonly keepAliveMs: number;
  /** How often Node looks for requests that are late. */
  readonly checkMs: number;
}

export const defaultTimes: TlsListenerTimes = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  requestMs: 30_000,
  keepAliveMs: 75_000,
  checkMs: 1_000,
};

export type BadRequestKind = 'malformed' | 'header-too-large' | 'timeout';

/** What a listener shows of itself. */
export interface ListenerCertificate {
  readonly keyPem: string;
  /** The certificate, then those above it. */
  readonly chainPem: string;
}

/** 48 bytes, as Node takes them: 16 that name the key, 16 for its HMAC, 16 for its AES. */
export type TicketKey = Buffer<ArrayBuffer>;

export interface TlsListenerOptions extends ListenerCertificate {
  /** Names the session context: sessions of one listener are worth nothing at another. */
  readonly name: string;
  readonly ticketKey: TicketKey;
  /** Asks for a client certificate, without naming issuers, and accepts any: the application judges it. */
  readonly requestClientCertificate: boolean;
  readonly times: TlsListenerTimes;
  /** Connections at one time; one more is cut before its handshake. */
  readonly maximumConnections: number;
  /** Whether a new connection may start its handshake. */
  readonly admit: (socket: Socket) => boolean;
  readonly onHandshake: (outcome: 'completed' | 'failed' | 'refused') => void;
  readonly onConnection: (socket: TLSSocket) => void;
  readonly onRequest: (request: IncomingMessage, response: ServerResponse) => void;
  /** Nothing came or went on a connection for as long as it waits. It stays open unless this ends it. */
  readonly onIdle: (socket: Socket) => void;
  /** A request that Node could not read. The socket may be written to and is to be closed. */
  readonly onBadRequest: (kind: BadRequestKind, socket: Socket, detail: string) => void;
}

export interface Listener {
  readonly port: number;
  /** Open connections, those in their handshake included. */
  connections(): number;
  /**
   * For new handshakes. Open connections go on, and sessions are resumed as before.
   *
   * @throws when OpenSSL can not use it; then the one before stays
   */
  replaceCertificate(certificate: ListenerCertificate): void;
  /** Tickets are made and read with this key from now on; those of another key lead to a full handshake. */
  setTicketKey(key: TicketKey): void;
  /**
   * Takes no new connections and lets running requests end for at most `graceMs`, then cuts them. Connections without a
   * request, and handshakes, are cut after `idleMs`: a request may be on its way already.
   */
  close(graceMs: number, idleMs?: number): Promise<void>;
}

const maximumHeaderBytes = 16 * 1024;

/** AEAD suites with forward secrecy only. Node's default list still offers CBC and plain RSA for TLS 1.2. */
const cipherSuites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');

/** A resumed session is not verified again, so it is kept short. */
const sessionSeconds = 300;

export async function openTlsListener(options: TlsListenerOptions, host: string, port: number): Promise<Listener> {
  const { times } = options;
  let { ticketKey } = options;
  // Node takes for a default whatever a replaced context does not name again.
  const contextWith = ({ keyPem, chainPem }: ListenerCertificate): SecureContextOptions => ({
    key: keyPem,
    cert: chainPem,
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: cipherSuites,
    honorCipherOrder: true,
    ecdhCurve: 'X25519:P-256:P-384',
    ticketKeys: ticketKey,
    sessionIdContext: options.name,
    sessionTimeout: sessionSeconds,
  });
  const server = createServer({
    ...contextWith(options),
    ALPNProtocols: ['http/1.1'],
    requestCert: options.requestClientCertificate,
    rejectUnauthorized: false,
    handshakeTimeout: times.handshakeMs,
    headersTimeout: times.headersMs,
    requestTimeout: times.requestMs,
    keepAliveTimeout: times.keepAliveMs,
    connectionsCheckingInterval: times.checkMs,
    maxHeaderSize: maximumHeaderBytes,
    // Checked in the request head instead, so that the refusal is an answer with a trace id.
    requireHostHeader: false,
    insecureHTTPParser: false,
  });
  // Node would silently drop headers beyond its count; the request head counts and refuses.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maximumConnections;
  // A peer that never reads its answers: the times above end once its request was read.
  server.timeout = times.keepAliveMs;
  const sockets: RawSockets = { open: new Set(), shaking: new Map() };
  wire(server, sockets, options);
  await listenOn(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => sockets.open.size,
    replaceCertificate: (certificate) => server.setSecureContext(contextWith(certificate)),
    setTicketKey: (key) => {
      ticketKey = key;
      server.setTicketKeys(key);
    },
    close: (graceMs, idleMs = 0) => closeServer(server, sockets, graceMs, idleMs),
  };
}

/** The TCP sockets below TLS: Node's HTTP server knows a connection only once its handshake is complete. */
interface RawSockets {
  readonly open: Set<Socket>;
  /** Those in their handshake by the address of the peer, which is all that links a TLS socket to the one below it. */
  readonly shaking: Map<string, Socket>;
}

/** Every connection has one outcome of its handshake: refused here, completed, or failed when it closes before that. */
function wire(server: Server, { open, shaking }: RawSockets, options: TlsListenerOptions): void {
  server.on('drop', () => options.onHandshake('refused'));
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    if (!options.admit(socket)) {
      options.onHandshake('refused');
      socket.destroy();
      return;
    }
    const peer = peerOf(socket);
    shaking.set(peer, socket);
    socket.once('close', () => {
      if (shaking.get(peer) !== socket) return;
      shaking.delete(peer);
      options.onHandshake('failed');
    });
  });
  server.on('secureConnection', (socket: TLSSocket) => {
    // The peer is gone already when its address is: the close of the socket below counts it.
    if (!shaking.delete(peerOf(socket))) return void socket.destroy();
    options.onHandshake('completed');
    options.onConnection(socket);
  });
  server.on('tlsClientError', (_error, socket) => void socket.destroy());
  server.on('request', options.onRequest);
  // Node would ask for the body before anybody looked at the request.
  server.on('checkContinue', options.onRequest);
  // Node would answer an unknown expectation by itself, without a trace id; the request head refuses it.
  server.on('checkExpectation', options.onRequest);
  server.on('timeout', options.onIdle);
  server.on('connect', (_request, socket: Socket) => options.onBadRequest('malformed', socket, 'the CONNECT method'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // Node pauses its parser while a peer that sends ahead does not read, and then fails on what was already decrypted.
    if (error.code === 'HPE_PAUSED') {
      if (socket.writable) closeSoon(socket);
      return;
    }
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
    options.onBadRequest(kindOf(error.code), socket, error.message);
  });
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

function kindOf(code: string | undefined): BadRequestKind {
  if (code === 'HPE_HEADER_OVERFLOW') return 'header-too-large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 'timeout' : 'malformed';
}

async function closeServer(
  server: Server,
  { open, shaking }: RawSockets,
  graceMs: number,
  idleMs: number,
): Promise<void> {
  const closed = once(server, 'close');
  // Node's own close of an HTTP server would close idle connections at once.
  NetServer.prototype.close.call(server);
  const cutIdle = (): void => {
    // In TLS 1.3 the client is done first, and its request may be on its way before our side of the handshake is complete.
    for (const socket of shaking.values()) socket.destroy();
    server.closeIdleConnections();
  };
  const closeIdle = setTimeout(cutIdle, Math.min(idleMs, graceMs));
  const cut = setTimeout(() => {
    for (const socket of open) socket.destroy();
  }, graceMs);
  await closed;
  clearTimeout(closeIdle);
  clearTimeout(cut);
  // Ends Node's search for late requests too.
  server.close();
}
