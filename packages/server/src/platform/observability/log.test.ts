import { setImmediate as afterThisTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { someTime } from '../../testing/facts.js';
import { createLog, type LogLevel, type RequestLine } from './log.js';

const line: RequestLine = {
  time: someTime,
  traceId: 'ab'.repeat(16),
  correlationId: 'order 7',
  environment: 'sandbox',
  listener: 'api-mtls',
  method: 'POST',
  path: '/oauth/token',
  status: 401,
  durationMs: 1.23456,
  address: '2001:db8::1',
  clientId: `cli_${'0'.repeat(32)}`,
  refusal: 'certificate_missing',
};

function capture(level: LogLevel) {
  const lines: string[] = [];
  return { lines, log: createLog(level, { write: (text) => void lines.push(text) }) };
}

describe('the request line', () => {
  test('is JSON with every fact of the request', async () => {
    const { lines, log } = capture('info');
    log.request(line);
    await afterThisTurn();
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      ...line,
      level: 'info',
      time: '2026-03-01T12:00:00.000Z',
      durationMs: 1.235,
      msg: 'request',
    });
  });

  test('leaves out what there is not', async () => {
    const { lines, log } = capture('info');
    log.request({ ...line, correlationId: undefined, clientId: undefined, refusal: undefined });
    await afterThisTurn();
    const parsed = Object.keys(JSON.parse(lines[0] ?? '') as object);
    expect(parsed).not.toContain('correlationId');
    expect(parsed).not.toContain('clientId');
    expect(parsed).not.toContain('refusal');
  });

  test('stays one line and one object whatever path and correlation id hold', async () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('"', '\\', '\n{"level":"error"}\n', '","status":200,"x":"', '\u2028', '\0', '\ud800'),
    );
    await fc.assert(
      fc.asyncProperty(hostile, hostile, async (path, correlationId) => {
        const { lines, log } = capture('info');
        log.request({ ...line, path, correlationId });
        await afterThisTurn();
        expect(lines).toHaveLength(1);
        const [text = ''] = lines;
        expect(text.indexOf('\n')).toBe(text.length - 1);
        expect(JSON.parse(text)).toMatchObject({ path, correlationId, status: 401, level: 'info' });
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['debug', 1],
    ['info', 1],
    ['warn', 0],
    ['silent', 0],
  ] as const)('at level %s is written %i times', async (level, times) => {
    const { lines, log } = capture(level);
    log.request(line);
    await afterThisTurn();
    expect(lines).toHaveLength(times);
  });
});

describe('other lines', () => {
  test('name level and time as the request line does, and carry the error with its stack', () => {
    const { lines, log } = capture('info');
    log.logger.error({ error: new RangeError('too far') }, 'request failed');
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'error',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      msg: 'request failed',
      error: { type: 'RangeError', message: 'too far', stack: expect.stringContaining('log.test') },
    });
    expect(lines[0]?.trimEnd()).not.toContain('\n');
  });
});
