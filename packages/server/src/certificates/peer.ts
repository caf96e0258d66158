import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { readCertificateFacts } from './certificate-facts.js';

/** The certificate at the other end of a connection: who it is, and its encoding for the case that somebody asks what it says. */
export interface PeerCertificate {
  /** Base64url SHA-256 of the encoding: `x5t#S256` of RFC 8705 section 3.1. */
  readonly thumbprint: string;
  readonly der: Buffer;
}

/** Null when none came. */
export type Peer = PeerCertificate | null;

/** Reads the peer of a direct TLS connection, once per connection. Only the identity: what else it says takes longer to read. */
export function readPeer(socket: TLSSocket): Peer {
  // Half the time of getPeerX509Certificate, which parses the certificate anew. Empty when none came.
  const der: Buffer | undefined = socket.getPeerCertificate(false).raw;
  return der === undefined ? null : { thumbprint: createHash('sha256').update(der).digest('base64url'), der };
}

/** The common names of its subject. */
export function namesOfPeer({ der }: PeerCertificate): readonly string[] {
  return readCertificateFacts(der).commonNames;
}

/** One line about a certificate, for evidence. */
export function describePeer({ thumbprint, der }: PeerCertificate): string {
  const { subject, issuer } = readCertificateFacts(der);
  return `certificate sha256 ${thumbprint}, subject "${subject}", issuer "${issuer}"`;
}
