import { startTestServer, type TestServer } from '@tollward/server/testing';
import { afterAll, afterEach } from 'vitest';

/** One server for the tests of a file. Its clock goes back to `start` after each of them. */
export async function startSharedServer(): Promise<{ readonly server: TestServer; readonly start: number }> {
  const server = await startTestServer();
  const start = server.time.now;
  afterEach(() => {
    server.time.now = start;
  });
  afterAll(() => server.stop());
  return { server, start };
}
