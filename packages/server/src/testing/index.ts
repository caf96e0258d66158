export { describeOnEachEngine, type OpenDatabase, openTestDatabase } from './database.js';
export {
  aClient,
  aToken,
  basic,
  type Call,
  type CallAnswer,
  call,
  callPlayground,
  type ClientIdentity,
  requestToken,
  type TestClient,
  type TestClientOptions,
} from './test-client.js';
export { startTestServer, type TestServer, type TestServerOptions } from './test-server.js';
