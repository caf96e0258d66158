import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { someTime } from '../testing/facts.js';
import { decideRotation, decideSecretState, type RotatedSecret } from './decide-secret-rotation.js';

const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

function aSecret(id: string, changes: Partial<RotatedSecret> = {}): RotatedSecret {
  return { id, createdAt: someTime - 2 * hourMs, usableUntil: null, endedAt: null, revokedAt: null, ...changes };
}

/** Whether a secret gets tokens, in the words of the rule and not by the code under test. */
function isLive({ usableUntil, endedAt, revokedAt }: RotatedSecret, now: number): boolean {
  return revokedAt === null && endedAt === null && (usableUntil === null || now < usableUntil);
}

describe('the state of a secret', () => {
  test.each([
    ['in force', {}],
    ['ending', { usableUntil: someTime + 1 }],
    ['replaced', { usableUntil: someTime }],
    ['replaced', { usableUntil: someTime + 1, endedAt: someTime + 1 }],
    ['revoked', { revokedAt: someTime }],
    ['revoked', { revokedAt: someTime, usableUntil: someTime + 1 }],
    ['revoked', { revokedAt: someTime, usableUntil: someTime - 1 }],
  ] as const)('is %s with %o', (state, changes) => {
    expect(decideSecretState(aSecret('a', changes), someTime)).toBe(state);
  });
});

describe('a rotation', () => {
  const older = aSecret('older', { createdAt: someTime - 2 * hourMs });
  const newer = aSecret('newer', { createdAt: someTime - hourMs });

  test('lets the one live secret get tokens for as long as the overlap lasts', () => {
    for (const overlapMs of [1, 24 * hourMs, weekMs]) {
      expect(decideRotation([newer], overlapMs, false, someTime)).toEqual({
        ok: true,
        ends: [{ secretId: 'newer', usableUntil: someTime + overlapMs }],
      });
    }
  });

  test('without an overlap ends the one live secret at once', () => {
    expect(decideRotation([newer], 0, false, someTime)).toEqual({
      ok: true,
      ends: [{ secretId: 'newer', usableUntil: someTime }],
    });
  });

  test('never lets a secret get tokens for longer than it had', () => {
    const ending = aSecret('ending', { usableUntil: someTime + hourMs });
    for (const force of [false, true]) {
      expect(decideRotation([ending], weekMs, force, someTime)).toEqual({
        ok: true,
        ends: [{ secretId: 'ending', usableUntil: someTime + hourMs }],
      });
    }
  });

  test('is refused while two secrets are live, and says until when', () => {
    const ending = { ...older, usableUntil: someTime + hourMs };
    expect(decideRotation([ending, newer], 0, false, someTime)).toEqual({ ok: false, openUntil: someTime + hourMs });
    const bothEnding = [ending, { ...newer, usableUntil: someTime + 1 }];
    expect(decideRotation(bothEnding, 0, false, someTime)).toEqual({ ok: false, openUntil: someTime + 1 });
    expect(decideRotation([older, newer], 0, false, someTime), 'which no command leads to').toEqual({
      ok: false,
      openUntil: null,
    });
  });

  test('is open no more from the very end of the overlap', () => {
    const ending = { ...older, usableUntil: someTime };
    expect(decideRotation([ending, newer], hourMs, false, someTime - 1).ok).toBe(false);
    expect(decideRotation([ending, newer], hourMs, false, someTime)).toEqual({
      ok: true,
      ends: [{ secretId: 'newer', usableUntil: someTime + hourMs }],
    });
  });

  test('with force ends all live secrets but the latest at once, in whatever order they come', () => {
    const oldest = aSecret('oldest', { createdAt: someTime - weekMs, usableUntil: someTime + 2 * hourMs });
    for (const secrets of [
      [oldest, older, newer],
      [newer, older, oldest],
      [older, newer, oldest],
    ]) {
      const decision = decideRotation(secrets, hourMs, true, someTime);
      expect(
        decision.ok && [...decision.ends].sort((left, right) => (left.secretId < right.secretId ? -1 : 1)),
      ).toEqual([
        { secretId: 'newer', usableUntil: someTime + hourMs },
        { secretId: 'older', usableUntil: someTime },
        { secretId: 'oldest', usableUntil: someTime },
      ]);
    }
  });

  test('gives a client a first secret again, after all were replaced or revoked, and touches none of those', () => {
    const over = [
      aSecret('replaced', { usableUntil: someTime }),
      aSecret('revoked', { revokedAt: someTime }),
      aSecret('both', { usableUntil: someTime + hourMs, revokedAt: someTime }),
    ];
    for (const secrets of [over, []]) {
      expect(decideRotation(secrets, hourMs, false, someTime)).toEqual({ ok: true, ends: [] });
    }
  });
});

describe('any sequence of rotations and retirements', () => {
  const step = fc.record({
    afterMs: fc.oneof(fc.constant(0), fc.constant(1), fc.integer({ min: 0, max: 48 * hourMs })),
    act: fc.oneof(
      fc.record({
        kind: fc.constantFrom('rotate', 'force'),
        overlapMs: fc.oneof(fc.constant(0), fc.constant(24 * hourMs), fc.integer({ min: 0, max: weekMs })),
      }),
      fc.record({ kind: fc.constantFrom('end', 'revoke'), which: fc.nat() }),
    ),
  });

  test('leaves at most two secrets live, the newest among them, and never lengthens a life', () => {
    let rotations = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let now = someTime;
        let secrets: readonly RotatedSecret[] = [aSecret('s00', { createdAt: now })];
        for (const [index, { afterMs, act }] of steps.entries()) {
          now += afterMs;
          const before = secrets;
          if ('overlapMs' in act) {
            const live = before.filter((secret) => isLive(secret, now));
            const decision = decideRotation(before, act.overlapMs, act.kind === 'force', now);
            expect(decision.ok, 'refused exactly when two are live and nobody forces it').toBe(
              live.length < 2 || act.kind === 'force',
            );
            if (!decision.ok) {
              refused += 1;
              continue;
            }
            rotations += 1;
            const ends = new Map(decision.ends.map(({ secretId, usableUntil }) => [secretId, usableUntil]));
            const fresh = aSecret(`s${String(index + 1).padStart(2, '0')}`, { createdAt: now });
            secrets = [...before.map((one) => ({ ...one, usableUntil: ends.get(one.id) ?? one.usableUntil })), fresh];
            expect(isLive(fresh, now)).toBe(true);
            for (const [id, end] of ends) {
              const earlier = before.find((secret) => secret.id === id);
              expect(earlier !== undefined && isLive(earlier, now), 'only live secrets get an end').toBe(true);
              expect(end).toBeLessThanOrEqual(earlier?.usableUntil ?? Number.POSITIVE_INFINITY);
              expect(end).toBeLessThanOrEqual(now + act.overlapMs);
            }
          } else {
            const chosen = before[act.which % before.length];
            secrets = before.map((secret) => {
              if (secret !== chosen) return secret;
              return act.kind === 'revoke'
                ? { ...secret, revokedAt: now }
                : { ...secret, usableUntil: Math.min(now, secret.usableUntil ?? now) };
            });
          }
          expect(secrets.filter((secret) => isLive(secret, now)).length).toBeLessThanOrEqual(2);
        }
      }),
      { numRuns: 300 },
    );
    expect(Math.min(rotations, refused), 'both ways were taken').toBeGreaterThan(20);
  });
});
