import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { activeGeneration, decideRotation, type Generation, judgeGenerations } from './decide-generations.js';

function from(activeFrom: number): Generation {
  return { id: `from ${activeFrom}`, createdAt: 0, activeFrom };
}

describe('generations', () => {
  test('are retired, active or next, and each ends where the one after it begins', () => {
    const judged = judgeGenerations([from(30), from(10), from(20)], 25);
    expect(judged.map(({ generation, state, supersededAt }) => [generation.activeFrom, state, supersededAt])).toEqual([
      [10, 'retired', 20],
      [20, 'active', 30],
      [30, 'next', undefined],
    ]);
  });

  test('are used from their moment on', () => {
    const generations = [from(10), from(20)];
    expect([19, 20].map((now) => activeGeneration(generations, now)?.activeFrom)).toEqual([10, 20]);
  });

  test('have exactly one in use at any time, by a clock that was set back to before all of them too', () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 100 }), { minLength: 1 });
    fc.assert(
      fc.property(times, fc.integer({ min: -10, max: 110 }), (starts, now) => {
        const states = judgeGenerations(starts.map(from), now).map(({ state }) => state);
        expect(states.filter((state) => state === 'active')).toHaveLength(1);
        const started = starts.filter((start) => start <= now);
        const expected = started.length === 0 ? Math.min(...starts) : Math.max(...started);
        expect(activeGeneration(starts.map(from), now)?.activeFrom).toBe(expected);
      }),
    );
  });

  test('get a next one when there is none, sooner when it is wanted sooner, and else not', () => {
    expect(decideRotation([], 50, 25)).toEqual({ kind: 'make' });
    expect(decideRotation([from(10), from(20)], 50, 25)).toEqual({ kind: 'make' });
    const next = from(40);
    const generations = [from(10), next];
    expect(decideRotation(generations, 39, 25)).toEqual({ kind: 'bring-forward', next });
    expect(decideRotation(generations, 40, 25)).toEqual({ kind: 'conflict', next });
  });
});
