// `process.nextTick` makes a small object for each call. When a major collection finds none of them alive, V8 forgets their shape,
// and after a few such collections Node 20 makes each of them the slow way, for the rest of the process. A request has about ten
// ticks. One such object that stays alive keeps the shape.

import { createHook } from 'node:async_hooks';

let kept: object | undefined;

/** @returns whether there is such an object: Node may call them otherwise one day, and then nothing is lost */
export function keepTickShape(): boolean {
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TickObject') kept ??= resource;
    },
  }).enable();
  process.nextTick(() => undefined);
  hook.disable();
  return kept !== undefined;
}
