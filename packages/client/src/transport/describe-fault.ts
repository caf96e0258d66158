// What errors of undici, Node and OpenSSL mean for somebody who uses an API, and whether the request may have got there.

import { ConnectionError, TlsError } from '../errors.js';
import { cameBeforeAnyAnswer, failedToConnect } from './open-connector.js';
import { isAboutClientCertificate, remedyForTls } from './tls-remedies.js';

interface RawFault {
  readonly error: Error;
  readonly code: string;
  /** No byte of the request can have been sent. */
  readonly isBeforeRequest: boolean;
}

interface Place {
  /** Of the URL, as in `https://api.example.com`. */
  readonly origin: string;
}

/** @returns undefined for what is no fault of the connection */
export function describeTransportFault(error: unknown, { origin }: Place): TlsError | ConnectionError | undefined {
  // `fetch` wraps what happened.
  for (let at = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    if (at instanceof TlsError || at instanceof ConnectionError) return at;
    const code = codeOf(at);
    if (code === undefined) continue;
    const fault = { error: at, code, isBeforeRequest: failedToConnect(at) || isAlwaysBefore(at, code) };
    const described = describeTls(fault, origin) ?? describeConnection(fault, origin);
    if (described !== undefined) return described;
  }
  return undefined;
}

/** Of the handshake only: what comes later may be about a request that was carried out. */
function describeTls({ error, code, isBeforeRequest }: RawFault, origin: string): TlsError | undefined {
  // With TLS 1.3 a server refuses the client certificate after our side of the handshake, and before it reads a request.
  const isRefusal = isAboutClientCertificate(code) && cameBeforeAnyAnswer(error);
  if (!isBeforeRequest && !isRefusal) return undefined;
  const remedy =
    code === 'ERR_TLS_CERT_ALTNAME_INVALID'
      ? `its certificate is for other names (${reasonOf(error)}). Use one of its names as the host.`
      : remedyForTls(code);
  const isOther = code.startsWith('ERR_SSL_') || ofVerification.test(code);
  if (remedy === undefined && !isOther) return undefined;
  const text = remedy ?? `OpenSSL says ${reasonOf(error)}.`;
  return new TlsError(`No TLS connection to ${origin}: ${text}`, { code, cause: error });
}

/** What else the check of a server's certificate can end with. */
const ofVerification = /CERT|CRL|ISSUER|SIGNATURE|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|HOSTNAME/;

function describeConnection(fault: RawFault, origin: string): ConnectionError | undefined {
  const { error, code, isBeforeRequest } = fault;
  const text = isBeforeRequest ? describeUnconnected(code, origin) : describeBroken(fault, origin);
  if (text === undefined) return undefined;
  const facts = { code, cause: error, isRetryable: isBeforeRequest, mayHaveArrived: !isBeforeRequest };
  return new ConnectionError(text, facts);
}

function describeUnconnected(code: string, origin: string): string {
  const refused = `No connection to ${origin}: `;
  switch (code) {
    case 'ENOTFOUND':
      return `${refused}DNS does not know the host name. Check its spelling, and whether this network can resolve it.`;
    case 'EAI_AGAIN':
      return `${refused}DNS did not answer. Check the network and the name servers of this machine.`;
    case 'ECONNREFUSED':
      return `${refused}nothing listens there. Check host and port, and whether the server runs.`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return `${refused}there is no route to it (${code}). Check the network of this machine.`;
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
      return `${refused}it did not answer in time. A firewall that drops packets looks like this: check that the addresses of this machine are let in there.`;
    case 'ECONNRESET':
    case 'EPIPE':
      return `${refused}it was closed before it was ready. A server that restarts does so, and one that does not accept the client certificate, or wants one.`;
    default:
      return `${refused}${code}.`;
  }
}

function describeBroken({ error, code }: RawFault, origin: string): string | undefined {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
    case 'ECONNABORTED':
    case 'ETIMEDOUT':
    case 'UND_ERR_SOCKET':
      return `The connection to ${origin} broke before the answer was whole (${code}). ${hintFor(error, origin)}`;
    case 'UND_ERR_HEADERS_TIMEOUT':
    case 'UND_ERR_BODY_TIMEOUT':
      return `${origin} took the request, and did not answer in time. Whether it did what it was asked is not known.`;
    default:
      if (code.startsWith('ERR_SSL_')) {
        return `The connection to ${origin} broke before the answer was whole: OpenSSL says ${reasonOf(error)}. ${hintFor(error, origin)}`;
      }
      return code.startsWith('HPE_')
        ? `What ${origin} answers is not HTTP/1.1 (${code}). Check host and port${origin.startsWith('http:') ? ', and whether it wants https://' : ''}.`
        : undefined;
  }
}

/** Nothing was ever read on this connection: mostly the server did not want it. */
function hintFor(error: Error, origin: string): string {
  const socket: unknown = 'socket' in error ? error.socket : undefined;
  const isUnheard = typeof socket === 'object' && socket !== null && 'bytesRead' in socket && socket.bytesRead === 0;
  const unknown = 'Whether the request was carried out is not known.';
  if (!isUnheard) return unknown;
  return origin.startsWith('https:')
    ? `${unknown} When each call ends like this, the server does not accept the client certificate, or wants one.`
    : `${unknown} When each call ends like this, the server may want https://.`;
}

function isAlwaysBefore(error: Error, code: string): boolean {
  const syscall: unknown = 'syscall' in error ? error.syscall : undefined;
  return code === 'UND_ERR_CONNECT_TIMEOUT' || syscall === 'connect' || syscall === 'getaddrinfo';
}

function codeOf(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name === 'HTTPParserError' ? 'HPE_INVALID' : undefined;
}

/** The server may have written some of it. */
function reasonOf(error: Error): string {
  const reason: unknown = 'reason' in error ? error.reason : undefined;
  return (typeof reason === 'string' ? reason : error.message).trim().slice(0, 300);
}
