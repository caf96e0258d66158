import { expect, test } from 'vitest';
import { createTurns } from './turns.js';

function gate() {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}

test('work of one key runs in the order of the calls, also after a fault, and never at the same time', async () => {
  const inTurn = createTurns();
  const events: string[] = [];
  const work = (name: string, outcome: () => string) => () => {
    events.push(`${name} begins`);
    return Promise.resolve().then(() => {
      events.push(`${name} ends`);
      return outcome();
    });
  };
  const fails = (): never => {
    throw new Error('no');
  };
  const calls = [
    inTurn(
      'a',
      work('first', () => '1'),
    ),
    inTurn('a', work('second', fails)),
    inTurn(
      'a',
      work('third', () => '3'),
    ),
  ];
  expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  const inOrder = ['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]);
  expect(events).toEqual(inOrder);
  expect(await inTurn('a', async () => 'later')).toBe('later');
});

test('work of another key does not wait', async () => {
  const inTurn = createTurns();
  const { open, passed } = gate();
  const held = inTurn('a', () => passed);
  expect(await inTurn('b', async () => 'done')).toBe('done');
  open();
  await held;
});
