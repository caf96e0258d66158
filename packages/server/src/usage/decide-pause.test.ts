import { describe, expect, test } from 'vitest';
import { clientId, someTime } from '../testing/facts.js';
import { decidePause, describePause } from './decide-pause.js';

const until = new Date(someTime + 30_000);
const unpaused = { pausedUntil: null };

describe('pausing a credential', () => {
  test('counts from now, also when it is paused already', () => {
    const paused = { changes: true, result: { ok: true, pausedUntil: until } };
    expect(decidePause(unpaused, false, 30, someTime)).toEqual(paused);
    expect(decidePause({ pausedUntil: new Date(someTime + 1) }, false, 30, someTime)).toEqual(paused);
    expect(decidePause({ pausedUntil: new Date(someTime + 3_600_000) }, false, 30, someTime)).toEqual(paused);
  });

  test('is refused for one that can not be used anyway', () => {
    expect(decidePause(unpaused, true, 30, someTime)).toEqual({
      changes: false,
      result: { ok: false, problem: 'over' },
    });
  });

  test('ends with 0 seconds, and changes nothing when there is no pause any more', () => {
    const result = { ok: true, pausedUntil: null };
    expect(decidePause({ pausedUntil: until }, false, 0, until.getTime() - 1)).toEqual({ changes: true, result });
    expect(decidePause({ pausedUntil: until }, false, 0, until.getTime())).toEqual({ changes: false, result });
    expect(decidePause(unpaused, false, 0, someTime)).toEqual({ changes: false, result });
    expect(decidePause(unpaused, true, 0, someTime)).toEqual({ changes: false, result });
  });

  test('is audited with its end, and a resumption as what it is', () => {
    expect(describePause('secret', until, clientId)).toEqual({
      action: 'secret.paused',
      details: { clientId, until: '2026-03-01T12:00:30.000Z' },
    });
    expect(describePause('certificate', null, clientId)).toEqual({
      action: 'certificate.resumed',
      details: { clientId },
    });
  });
});
