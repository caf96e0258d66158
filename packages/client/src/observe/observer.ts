import { debuglog, inspect } from 'node:util';
import type { ClientEvent } from '../options.js';

const debug = debuglog('tollward-client');

export type Observe = (event: ClientEvent) => void;

/** Tells `onEvent` and the debug log. An observer that fails, at once or later, must not break the call that it watches. */
export function openObserver(onEvent: ((event: ClientEvent) => unknown) | undefined): Observe {
  return (event) => {
    if (debug.enabled) debug('%s', describeEvent(event));
    if (onEvent === undefined) return;
    tell(onEvent, event).catch((error: unknown) => {
      debug('onEvent failed for %s: %s', event.type, error instanceof Error ? error.message : typeof error);
    });
  };
}

/** Async, so that what is thrown and what is rejected are the same. It is called before this returns. */
async function tell(onEvent: (event: ClientEvent) => unknown, event: ClientEvent): Promise<void> {
  await onEvent(event);
}

/** One line. */
export function describeEvent(event: ClientEvent): string {
  const { type, ...facts } = event;
  const shown = Object.entries(facts).map(([name, value]) => {
    if (value instanceof Error) return `${name}=${value.name}: ${value.message}`;
    return `${name}=${value instanceof Date ? value.toISOString() : inspect(value)}`;
  });
  return `${type} ${shown.join(' ')}`;
}
