import type { TLSSocket } from 'node:tls';
import { type CertificateFacts, readCertificateFacts } from './certificate-facts.js';

/** The certificate at the other end of a connection, as facts; null when none came. */
export type Peer = CertificateFacts | null;

/** Reads the peer of a direct TLS connection. Costs about 100 microseconds, so once per connection. */
export function readPeer(socket: TLSSocket): Peer {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? null : readCertificateFacts(certificate.raw);
}

/** One line about a certificate, for evidence. */
export function describePeer(peer: CertificateFacts): string {
  return `certificate sha256 ${peer.thumbprint}, subject "${peer.subject}", issuer "${peer.issuer}"`;
}
