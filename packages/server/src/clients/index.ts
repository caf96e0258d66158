export { authenticateClient, type ClientFactsSource } from './authenticate-client.js';
export type { ClientFacts } from './client-facts.js';
export { loadClientFacts } from './client-store.js';
export { type ConnectionProof, type ProvedClient, recallProof, rememberProof } from './connection-proof.js';
export { createClient } from './create-client.js';
export { revokeClient } from './revoke-client.js';
export { listClients, showClient } from './show-clients.js';
export { takeClientRate } from './take-client-rate.js';
