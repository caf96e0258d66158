export { authenticateClient, type ClientAuthentication, type ClientFactsSource } from './authenticate-client.js';
export type { ClientFacts, SecretFacts } from './client-facts.js';
export { type ClientSummary, loadClientFacts, type SecretSummary } from './client-store.js';
export { type CreatedClient, createClient } from './create-client.js';
export { createRememberedProofs, type ProvedClient, type RememberedProofs } from './remembered-proofs.js';
export { revokeClient } from './revoke-client.js';
export { listClients, showClient } from './show-clients.js';
export { takeClientRate } from './take-client-rate.js';
