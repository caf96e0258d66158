export { describeOnEachEngine, type OpenDatabase, openTestDatabase } from './database.js';
export { addCertificate, endCertificate, endClient, explain, requireMtls } from './operator-actions.js';
export { createTestPostgres, type TestPostgres, testServerUrl } from './postgres-server.js';
export {
  aClient,
  aToken,
  basic,
  type Call,
  type CallAnswer,
  type ClientIdentity,
  call,
  callPlayground,
  requestToken,
  type TestClient,
  type TestClientOptions,
} from './test-client.js';
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.js';
