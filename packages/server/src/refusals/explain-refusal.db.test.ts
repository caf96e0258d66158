import { beforeAll, expect, test } from 'vitest';
import type { Database } from '../platform/database/database.js';
import { describeOnEachEngine } from '../testing/database.js';
import { someTime } from '../testing/facts.js';
import { explainRefusal } from './explain-refusal.js';
import { createRefusalRecorder, type RefusalRecorder, type RefusedRequest } from './record-refusal.js';

const weekMs = 7 * 24 * 3_600_000;

function requestOf(number: number, changes: Partial<RefusedRequest> = {}): RefusedRequest {
  return {
    traceId: number.toString(16).padStart(32, '0'),
    occurredAt: someTime,
    environment: 'production',
    listener: 'api-mtls',
    method: 'POST',
    path: '/oauth/token',
    correlationId: 'order 7',
    address: `192.0.2.${number}`,
    ...changes,
  };
}

describeOnEachEngine('recorded refusals', (open) => {
  let database: Database;
  let recorder: RefusalRecorder;
  const dropped: string[] = [];
  beforeAll(async () => {
    database = await open();
    recorder = createRefusalRecorder({ database, onDropped: (reason) => dropped.push(reason) });
  });

  test('are explained by their trace id, with the steps up to the one that failed', async () => {
    recorder.record(requestOf(1), {
      refusal: 'certificate_revoked',
      step: 'peer',
      expected: 'a certificate in force',
      seen: 'a revoked one',
      clientId: 'cli_1',
    });
    await recorder.flush();
    const explained = await explainRefusal(database, requestOf(1).traceId);
    expect(explained).toMatchObject({
      occurredAt: new Date(someTime),
      environment: 'production',
      code: 'certificate_revoked',
      status: 401,
      error: 'invalid_client',
      steps: [
        { name: 'edge', outcome: 'passed' },
        { name: 'body', outcome: 'passed' },
        { name: 'client', outcome: 'passed' },
        { name: 'peer', outcome: 'failed' },
        { name: 'rate', outcome: 'not run' },
        { name: 'grant', outcome: 'not run' },
      ],
      expected: 'a certificate in force',
      seen: 'a revoked one',
      remedy: expect.stringContaining('A revoked certificate stays revoked'),
      correlationId: 'order 7',
      clientId: 'cli_1',
      clientNamed: null,
      suppressedBefore: 0,
    });
  });

  test('of a protected call show the steps and the error of a protected call', async () => {
    const request = requestOf(2, { path: '/v1/authenticated/playground' });
    recorder.record(request, { refusal: 'certificate_missing', step: 'binding', expected: 'one', seen: 'none' });
    await recorder.flush();
    const explained = await explainRefusal(database, request.traceId);
    expect(explained?.error).toBe('invalid_token');
    expect(explained?.steps.map(({ name, outcome }) => `${name} ${outcome}`)).toEqual([
      'edge passed',
      'peer passed',
      'token passed',
      'standing passed',
      'binding failed',
      'rate not run',
      'policy not run',
      'sca not run',
      'answer not run',
    ]);
  });

  test('in the status shape show the error that the body had', async () => {
    const request = requestOf(5, { path: '/v3/profiles/77001234/quotes' });
    recorder.record(request, { refusal: 'embedded_model_off', step: 'policy', expected: 'a', seen: 'b' });
    await recorder.flush();
    expect(await explainRefusal(database, request.traceId)).toMatchObject({ status: 403, error: 'Forbidden' });
  });

  test('of a forwarded call end with the upstream, and carry the reason and the status that it gave', async () => {
    const request = requestOf(4, { path: '/v3/profiles/77001234/transfers/5/payments', status: 422 });
    recorder.record(request, {
      refusal: 'upstream_refused',
      step: 'forward',
      expected: 'a status below 400',
      seen: 'balance.insufficient-funds',
      clientId: 'cli_1',
    });
    await recorder.flush();
    const explained = await explainRefusal(database, request.traceId);
    const given = { status: 422, error: null, seen: 'balance.insufficient-funds' };
    expect(explained).toMatchObject({ code: 'upstream_refused', ...given });
    expect(explained?.steps.map(({ name, outcome }) => `${name} ${outcome}`).slice(-3)).toEqual([
      'policy passed',
      'sca passed',
      'forward failed',
    ]);
  });

  test('that nobody kept are not explained', async () => {
    expect(await explainRefusal(database, 'f'.repeat(32))).toBeUndefined();
  });

  test('survive a trace id that is already taken: the others of the batch are kept', async () => {
    const refusal = { refusal: 'token_expired', step: 'token', expected: 'a', seen: 'b' } as const;
    recorder.record(requestOf(2, { address: 'again' }), refusal);
    recorder.record(requestOf(3), refusal);
    await recorder.flush();
    expect(await explainRefusal(database, requestOf(2).traceId)).toMatchObject({ code: 'certificate_missing' });
    expect(await explainRefusal(database, requestOf(3).traceId)).toMatchObject({ code: 'token_expired' });
    expect(dropped).toEqual([]);
  });

  test('are kept for 7 days', async () => {
    recorder.record(requestOf(10), { refusal: 'token_expired', step: 'token', expected: 'a', seen: 'b' });
    await recorder.flush();
    const row = await database.read((tx) =>
      tx
        .selectFrom('refusals')
        .select('expires_at')
        .where('trace_id', '=', requestOf(10).traceId)
        .executeTakeFirstOrThrow(),
    );
    expect(row.expires_at).toEqual(new Date(someTime + weekMs));
  });
});
