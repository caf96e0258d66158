export { announceExpiry } from './announce-expiry.js';
export { type Authorities, openAuthorities } from './authorities.js';
export {
  type BroughtAuthorities,
  BroughtAuthorityError,
  openBroughtAuthorities,
} from './brought-authority.js';
export { canSign } from './certificate-authority.js';
export { type AcceptedCsr, decideCsr, isCountryCode, isOrganisationName } from './certificate-request.js';
export {
  type CertificateSummary,
  findCertificate,
  listByDigest,
  listCertificateSummaries,
  loadRegisteredCertificates,
} from './certificate-store.js';
export {
  type AcceptedUpload,
  decideCertificateUpload,
} from './certificate-upload.js';
export { createClientKeyAndCsr } from './create-client-key.js';
export { type CertificateState, decideCertificateState } from './decide-certificate-state.js';
export { decideExpiryAdvice, noticeDays } from './decide-expiry-notice.js';
export { decideRegisteredCertificate, type RegisteredCertificate } from './decide-peer.js';
export { mostActiveCertificates } from './decide-registration.js';
export { type CertificateInspection, explainCertificate, type RegisteredRow } from './explain-certificate.js';
export { type IssuedCertificate, type IssuingProblem, issueCertificate } from './issue-certificate.js';
export { type ClientKeyType, clientKeyTypes } from './key-pair.js';
export { listCertificates } from './list-certificates.js';
export { readExpiryOutlook } from './listed-certificate-store.js';
export { noteBroughtAuthority } from './note-brought-authority.js';
export { createOwnExpiryNotices, listOwnCertificates, type OwnCertificate } from './own-expiry.js';
export { describePeer, namesOfPeer, type Peer, type PeerCertificate, readPeer } from './peer.js';
export { platformChain, platformRoots } from './platform-chain.js';
export { registerCertificate } from './register-certificate.js';
export { pauseCertificate, revokeCertificate } from './retire-certificate.js';
export {
  type BroughtServerCertificate,
  parseServerCertificate,
  ServerCertificateError,
  type ServerCertificateTexts,
} from './server-certificate.js';
export { signServerCertificate } from './sign-server-certificate.js';
