import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DatabaseUnavailableError } from './database/database-errors.js';
import { every } from './every.js';
import { createLog } from './observability/log.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Runs one turn for each outcome, and resolves to what was logged. */
async function linesOf(outcomes: readonly (Error | undefined)[]): Promise<readonly Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('info', { write: (line) => void lines.push(JSON.parse(line)) });
  let turns = 0;
  const routine = every(1_000, log, 'the work', async () => {
    const outcome = outcomes[turns];
    turns += 1;
    if (outcome !== undefined) throw outcome;
  });
  await vi.advanceTimersByTimeAsync(outcomes.length * 1_000);
  await routine.stop();
  expect(turns).toBe(outcomes.length);
  return lines;
}

const away = () => new DatabaseUnavailableError(`connect ECONNREFUSED ${Math.random()}`);

test('a database that is away is told once without a stack, and its return as well', async () => {
  const lines = await linesOf([away(), away(), new AggregateError([away(), away()]), undefined, undefined, away()]);
  expect(lines.map(({ level, msg }) => `${String(level)} ${String(msg)}`)).toEqual([
    'warn the work failed',
    'info the work works again',
    'warn the work failed',
  ]);
  expect(lines[0]).toMatchObject({ problem: expect.stringMatching(/^The database is not available: connect/) });
  expect(JSON.stringify(lines)).not.toContain('every.test');
});

test('another fault is told once per kind, with its stack', async () => {
  const lines = await linesOf([
    new Error('one'),
    new Error('one'),
    new AggregateError([away(), new Error('two')], 'both'),
  ]);
  expect(lines.map(({ level, msg }) => `${String(level)} ${String(msg)}`)).toEqual([
    'error the work failed',
    'error the work failed',
  ]);
  expect(lines[0]).toMatchObject({ error: { message: 'one', stack: expect.stringContaining('every.test') } });
});
