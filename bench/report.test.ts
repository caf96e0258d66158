import { describe, expect, it } from 'vitest';
import type { LoadResult } from './load-plan.js';
import { formatTable, judge, type MeasuredContender, summarise } from './report.js';

function aResult(cpuMicrosecondsEach: number, changes: Partial<LoadResult> = {}): LoadResult {
  const amount = 1000;
  return {
    amount,
    windowSeconds: 2,
    serverCpuMicroseconds: cpuMicrosecondsEach * amount,
    latency: { p50Milliseconds: 1, p99Milliseconds: 3 },
    errors: 0,
    firstError: null,
    ...changes,
  };
}

function aComparison(bare: readonly LoadResult[], token: readonly LoadResult[]): readonly MeasuredContender[] {
  return [
    { label: 'bare', results: bare },
    { label: 'token', reference: 'bare', highestRatio: 2, results: token },
  ];
}

describe('summarise', () => {
  it('compares round with round, so that a slow round of the machine cancels out', () => {
    const rows = summarise(
      aComparison([aResult(10), aResult(40), aResult(20)], [aResult(15), aResult(60), aResult(50)]),
    );
    expect(rows[1]?.ratio).toEqual({ median: 1.5, lowest: 1.5, highest: 2.5 });
    expect(rows[1]).toMatchObject({ cpuMicrosecondsEach: 50, amountPerSecond: 500, serverLoad: 0.025 });
  });

  it('adds up the errors of all rounds and keeps the first text', () => {
    const refused = aResult(10, { errors: 2, firstError: 'status 429' });
    const rows = summarise(aComparison([aResult(10), refused, refused], [aResult(10)]));
    expect(rows[0]).toMatchObject({ errors: 4, firstError: 'status 429' });
  });
});

describe('judge', () => {
  const passes = (bare: LoadResult, token: LoadResult): boolean =>
    judge(summarise(aComparison([bare], [token]))).every(({ pass }) => pass);

  it('passes at the gate and fails above it', () => {
    expect(passes(aResult(10), aResult(20))).toBe(true);
    expect(passes(aResult(10), aResult(20.1))).toBe(false);
  });

  it('fails on a single error, also one of the reference', () => {
    expect(passes(aResult(10), aResult(10, { errors: 1 }))).toBe(false);
    expect(passes(aResult(10, { errors: 1 }), aResult(10))).toBe(false);
  });

  it('names who failed, so that only that is measured again', () => {
    const verdicts = judge(summarise(aComparison([aResult(10, { errors: 1 })], [aResult(21)])));
    expect(verdicts.filter(({ pass }) => !pass).map(({ label }) => label)).toEqual(['token', 'bare']);
    expect(verdicts[0]?.line).toContain('2.10 x bare, gate 2.0 x');
  });

  it('fails when nothing was answered', () => {
    expect(passes(aResult(10), aResult(10, { amount: 0, serverCpuMicroseconds: 0 }))).toBe(false);
    expect(passes(aResult(10, { amount: 0 }), aResult(10))).toBe(false);
  });
});

describe('formatTable', () => {
  it('writes one line per contender below the header, columns aligned', () => {
    const lines = formatTable(summarise(aComparison([aResult(10)], [aResult(12.5)]))).split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^token +500 +12\.5 .* 1\.25 \(1\.25-1\.25\) +1\.00 +3\.00 +0$/);
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  });

  it('shows no percentiles of a stream', () => {
    expect(formatTable(summarise(aComparison([], [aResult(10, { latency: null })])))).toMatch(/ +- +- +0$/m);
  });
});
