export {
  type AddCertificateResult,
  issueClientCertificate,
  uploadClientCertificate,
} from './add-certificate.js';
export { type AuthenticateClientDependencies, authenticateClient } from './authenticate-client.js';
export { checkAddress } from './check-address.js';
export type { ClientFacts, ClientFactsSource } from './client-facts.js';
export { loadClientFacts } from './client-facts-store.js';
export { type ClientPolicy, lockClient, type PolicyChanges, raiseClientGeneration } from './client-store.js';
export { type ConnectionProof, type ProvedClient, recallProof, rememberProof } from './connection-proof.js';
export { createClient } from './create-client.js';
export { decideLeftSecrets } from './decide-left-secrets.js';
export { endClientTokens } from './end-client-tokens.js';
export { inspectCertificate } from './inspect-certificate.js';
export { noteRefusedUse } from './note-refused-use.js';
export { createSecretRehasher } from './rehash-secrets.js';
export { endSecret, pauseSecret, type RetireResult, revokeSecret } from './retire-secret.js';
export { revokeClient } from './revoke-client.js';
export { deleteRevokedTokens, insertRevokedToken } from './revoked-token-store.js';
export { createHmacKeyRotation } from './rotate-hmac-keys.js';
export { rotateSecret } from './rotate-secret.js';
export { type Judged, listClients, showCertificate, showClient } from './show-clients.js';
export { takeClientRate } from './take-client-rate.js';
export { updateClient } from './update-client.js';
