import { afterEach, describe, expect, test, vi } from 'vitest';
import { DatabaseUnavailableError } from './platform/database/database-errors.js';
import { openTestDatabase } from './testing/database.js';
import { startTestServer } from './testing/test-server.js';

describe('readiness by the clock of the database', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([
    [5_000, true],
    [-5_000, true],
    [5_001, false],
    [-5_001, false],
  ])('with %i ms of difference is %s', async (aheadMs, ready) => {
    // Stands still, so that the server reads the time this test reckons with.
    vi.useFakeTimers({ toFake: ['Date'] });
    const database = await openTestDatabase();
    vi.spyOn(database, 'clock').mockResolvedValue(Date.now() - aheadMs);
    const server = await startTestServer({ database });
    expect(await server.isReady()).toBe(ready);
    await server.stop();
  });
});

test('a database that takes no writes is not ready, although it can be read', async () => {
  const database = await openTestDatabase();
  const server = await startTestServer({ database });
  expect(await server.isReady()).toBe(true);
  const fault = vi.spyOn(database, 'assertWritable').mockImplementation(() => {
    throw new DatabaseUnavailableError('its files could not be written');
  });
  expect(await server.isReady()).toBe(false);
  const response = await fetch(`${server.operationsUrl}/health/ready`);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({
    checks: expect.arrayContaining([
      { name: 'database', ok: false, detail: 'The database is not available: its files could not be written.' },
    ]),
  });
  fault.mockRestore();
  await server.stop();
});
