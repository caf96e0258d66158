export { type Authorities, openAuthorities } from './authority-store.js';
export { type AcceptedCsr, decideCsr } from './certificate-request.js';
export { type CertificateSummary, listCertificateSummaries, loadRegisteredCertificates } from './certificate-store.js';
export { createClientKeyAndCsr } from './create-client-key.js';
export { decideRegisteredCertificate, type RegisteredCertificate } from './decide-peer.js';
export { type IssuedCertificate, issueCertificate } from './issue-certificate.js';
export { describePeer, type Peer, type PeerCertificate, readPeer } from './peer.js';
export { revokeCertificate } from './revoke-certificate.js';
export { signServerCertificate } from './sign-server-certificate.js';
