import { expect, test } from 'vitest';
import { createLog } from '../../platform/observability/log.js';
import { createTransientFaults } from './transient-faults.js';

test('one line a second, without a stack, that counts those left out before it', () => {
  const lines: Record<string, unknown>[] = [];
  let now = 0;
  const tell = createTransientFaults(
    createLog('info', { write: (line) => void lines.push(JSON.parse(line)) }),
    () => now,
  );
  for (now = 0; now <= 2_000; now += 100) tell(new Error('away'), `trace-${now}`);
  expect(lines.map(({ traceId, leftOutBefore }) => [traceId, leftOutBefore])).toEqual([
    ['trace-0', 0],
    ['trace-1000', 9],
    ['trace-2000', 9],
  ]);
  expect(lines[0]).toMatchObject({ level: 'warn', msg: 'request failed', problem: 'away' });
  expect(JSON.stringify(lines)).not.toContain('transient-faults');
});
