// CPU time of a process as Linux accounts for it: user and system time of all its threads, from /proc/<pid>/stat (proc(5)).

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const MICROSECONDS_PER_SECOND = 1_000_000;

/** Why CPU time cannot be read on this system, or undefined when it can. */
export function findCpuObstacle(): string | undefined {
  if (existsSync('/proc/self/stat')) return undefined;
  return 'The bench compares CPU time per request and reads it from /proc, which this system does not have. Run it on Linux.';
}

export function readClockTicksPerSecond(): number {
  return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
}

/** utime + stime of one line of /proc/<pid>/stat. */
export function parseCpuTicks(statLine: string): number {
  // Field 2 is the program name in parentheses and may itself hold spaces and parentheses, so count from the last one.
  const fieldsFromState = statLine.slice(statLine.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fieldsFromState[11]) + Number(fieldsFromState[12]);
  if (!Number.isInteger(ticks)) throw new Error('/proc/<pid>/stat has an unexpected form');
  return ticks;
}

/** Of all the processes together. */
export function readCpuMicroseconds(pids: readonly number[], clockTicksPerSecond: number): number {
  const ticks = pids.map((pid) => parseCpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  return (ticks.reduce((sum, one) => sum + one, 0) * MICROSECONDS_PER_SECOND) / clockTicksPerSecond;
}
