import { expect, test } from 'vitest';
import { judgeAuditChain } from './doctor-audit.js';

const now = Date.parse('2026-03-01T12:00:00.000Z');
const good = { unlinkedEntries: 0, lagSeconds: 0, checkpointAt: new Date(now - 3_600_000), fault: null };
const judge = (changes: Partial<Parameters<typeof judgeAuditChain>[0]>) =>
  judgeAuditChain({ ...good, ...changes }, now);

test('the doctor finds a chain in order that is linked and signed', () => {
  expect(judge({})).toMatchObject({ result: 'ok' });
  expect(judge({ unlinkedEntries: 3, lagSeconds: 60 })).toMatchObject({ result: 'ok' });
});

test('the doctor fails when the server found the chain changed behind its back', () => {
  expect(judge({ fault: 'entry 7 is gone' })).toMatchObject({
    result: 'fail',
    detail: expect.stringContaining('entry 7 is gone'),
    remedy: expect.stringContaining('tollward audit verify'),
  });
});

test('the doctor warns when entries wait for long, or the hourly checkpoint does not come', () => {
  expect(judge({ unlinkedEntries: 3, lagSeconds: 61 })).toMatchObject({
    result: 'warn',
    detail: expect.stringMatching(/^3 entries wait/),
  });
  expect(judge({ checkpointAt: null })).toMatchObject({ result: 'warn', detail: 'it has no checkpoint' });
  expect(judge({ checkpointAt: new Date(now - 65 * 60_000 - 1) })).toMatchObject({ result: 'warn' });
});
