import { expect, test } from 'vitest';
import { coalesce } from './coalesce.js';

/** Work that a test ends by hand, run by run. */
function heldWork() {
  const ends: ((error?: Error) => void)[] = [];
  const run = coalesce(
    () =>
      new Promise<void>((resolve, reject) => ends.push((error) => (error === undefined ? resolve() : reject(error)))),
  );
  return { run, ends };
}

test('who asks while it runs gets a run that began after they asked, shared by all of them', async () => {
  const { run, ends } = heldWork();
  const first = run();
  let later = 0;
  const waiting = [run(), run()].map((promise) => promise.then(() => (later += 1)));
  ends[0]?.();
  await first;
  await Promise.resolve();
  expect([ends.length, later]).toEqual([2, 0]);
  ends[1]?.();
  await Promise.all(waiting);
  expect([ends.length, later]).toEqual([2, 2]);
});

test('a run that fails fails for those who asked for it, and not for those who came later', async () => {
  const { run, ends } = heldWork();
  const first = run();
  const second = run();
  ends[0]?.(new Error('once'));
  await expect(first).rejects.toThrow('once');
  await Promise.resolve();
  ends[1]?.();
  await expect(second).resolves.toBeUndefined();
});

test('after a run the next one begins at once', () => {
  const { run, ends } = heldWork();
  void run();
  expect(ends).toHaveLength(1);
});

test('never runs twice at once, also for who asks the moment the run before ended', async () => {
  const { run, ends } = heldWork();
  const first = run();
  const second = run();
  ends[0]?.();
  await first;
  const third = run();
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  expect(ends.length).toBe(2);
  ends[1]?.();
  await Promise.all([second, third]);
  expect(ends.length).toBe(2);
});
