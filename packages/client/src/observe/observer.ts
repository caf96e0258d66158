import { debuglog, inspect } from 'node:util';
import type { ClientEvent } from '../options.js';

const debug = debuglog('tollward-client');

export type Observe = (event: ClientEvent) => void;

/** Tells `onEvent` and the debug log. An observer that throws must not break the call that it watches. */
export function openObserver(onEvent: Observe | undefined): Observe {
  return (event) => {
    if (debug.enabled) debug('%s', describeEvent(event));
    try {
      onEvent?.(event);
    } catch (error) {
      debug('onEvent threw for %s: %s', event.type, error instanceof Error ? error.message : typeof error);
    }
  };
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
