export { askManagement, type ManagementAnswer, type ManagementQuestion } from './ask-management.js';
export { describeOnEachEngine, type OpenDatabase, openTestDatabase } from './database.js';
export { giveExpiryNotices } from './expiry-notices.js';
export { openDatabaseIn } from './lasting-database.js';
export { measurePostgres } from './measure-postgres.js';
export { findLost, keepWriting, type Notebook, type NotedClient, openNotebook } from './noted-writes.js';
export {
  type Added,
  addCertificate,
  changePolicy,
  describeClient,
  endCertificate,
  endClient,
  endSecretOf,
  explain,
  issueFor,
  type Naming,
  pauseCertificateOf,
  pauseSecretOf,
  type Rotation,
  requireMtls,
  revokeSecretOf,
  rotate,
  secretIdOf,
  tryToRotate,
  uploadFor,
} from './operator-actions.js';
export { createTestPostgres, type TestPostgres, testServerUrl } from './postgres-server.js';
export { type RawUpstream, startRawUpstream, type UpstreamConnection } from './raw-upstream.js';
export { refusalText } from './refusal-text.js';
export {
  aClient,
  aToken,
  basic,
  type Call,
  type CallAnswer,
  type ClientIdentity,
  call,
  callPlayground,
  identityOf,
  requestToken,
  type TestClient,
  type TestClientOptions,
} from './test-client.js';
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.js';
