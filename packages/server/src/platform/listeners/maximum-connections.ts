// How many connections fit into the process: each takes a file descriptor, and without one left neither database nor
// log can work.

import { readFileSync } from 'node:fs';

/** For the database, the log, and the operations and management listeners. */
const otherFiles = 512;
/** A connection takes memory too, some 50 KiB of it. */
const mostPerListener = 10_000;
/** Where the system does not say what it allows. */
const unknownPerListener = 1_000;

/** The share of one of `listeners` that must not take from each other. */
export function decideMaximumConnections(openFiles: number | undefined, listeners: number): number {
  if (openFiles === undefined) return unknownPerListener;
  const free = Math.max(openFiles - otherFiles, openFiles / 2);
  return Math.min(mostPerListener, Math.floor(free / listeners));
}

/** How many files this process may have open, where Linux says so. */
export function readOpenFileLimit(limitsFile = '/proc/self/limits'): number | undefined {
  try {
    const limit = /^Max open files +(\d+)/m.exec(readFileSync(limitsFile, 'utf8'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}
