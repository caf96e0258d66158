import { describe, expect, test } from 'vitest';
import { createLog } from '../observability/log.js';
import { createUpstreamProblems, describeProblem } from './upstream-problem.js';

function fault(code: string): Error {
  return Object.assign(new Error(`${code} 10.0.0.7:8080`), { code });
}

describe('a problem with an upstream', () => {
  test.each([
    [false, 'ECONNREFUSED', 'unreachable'],
    [false, 'ENOTFOUND', 'unreachable'],
    [false, 'UND_ERR_CONNECT_TIMEOUT', 'unreachable'],
    [false, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'unreachable'],
    [true, 'UND_ERR_HEADERS_TIMEOUT', 'timeout'],
    [true, 'UND_ERR_BODY_TIMEOUT', 'timeout'],
    [true, 'ECONNRESET', 'failed'],
    [true, 'HPE_INVALID_CONSTANT', 'failed'],
    [true, 'SOMETHING_NEW', 'failed'],
  ])('that was sent: %s, with %s is %s, and its evidence names no address', (wasSent, code, kind) => {
    const problem = describeProblem(fault(code), wasSent);
    expect(problem).toMatchObject({ kind, detail: `${code} 10.0.0.7:8080` });
    expect(problem.evidence).not.toContain('10.0.0.7');
  });
});

test('problems of one kind are logged once a second, with the number of those left out', () => {
  const lines: string[] = [];
  let now = 5_000;
  const { logger } = createLog('info', { write: (line) => void lines.push(line) });
  const tell = createUpstreamProblems(logger, () => now);
  const refused = describeProblem(fault('ECONNREFUSED'), false);
  for (let count = 0; count < 3; count += 1) tell('sandbox', 'money', refused);
  tell('sandbox', 'money', describeProblem(fault('UND_ERR_BODY_TIMEOUT'), true));
  tell('production', 'money', refused);
  now += 1_000;
  tell('sandbox', 'money', refused);
  const logged = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(logged.map(({ environment, kind, leftOutBefore }) => [environment, kind, leftOutBefore])).toEqual([
    ['sandbox', 'unreachable', 0],
    ['sandbox', 'timeout', 0],
    ['production', 'unreachable', 0],
    ['sandbox', 'unreachable', 2],
  ]);
  expect(logged[0]).toMatchObject({ level: 'warn', upstream: 'money', detail: 'ECONNREFUSED 10.0.0.7:8080' });
});
