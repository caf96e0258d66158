// Structured logs: one JSON object a line. Everything but the request line goes through pino. The request line is written
// by hand to the same destination, because it is written on every request and its fields are known to be safe.

import type { Environment, RefusalCode } from '@tollward/protocol';
import { type Logger, pino } from 'pino';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export interface LogDestination {
  write(line: string): void;
}

export interface RequestLine {
  readonly time: number;
  readonly traceId: string;
  readonly correlationId: string | undefined;
  readonly environment: Environment;
  readonly listener: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly durationMs: number;
  readonly address: string;
  readonly clientId: string | undefined;
  readonly refusal: RefusalCode | undefined;
}

export interface Log {
  readonly logger: Logger;
  request(line: RequestLine): void;
}

export function createLog(level: LogLevel, destination: LogDestination): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    destination,
  );
  const requestLines = logger.isLevelEnabled('info');
  return {
    logger,
    request: (line) => {
      if (requestLines) destination.write(formatRequestLine(line));
    },
  };
}

/** The lines of one process on standard output, written in blocks so that a request never waits for a terminal. */
export function openStandardOutput(): LogDestination & { flush(): void } {
  const stream = pino.destination({ dest: 1, sync: false, minLength: 8_192, periodicFlush: 250 });
  // A reader that went away must not take the server with it.
  stream.on('error', () => undefined);
  return { write: (line) => void stream.write(line), flush: () => stream.flushSync() };
}

function formatRequestLine(line: RequestLine): string {
  // Ids, method, listener and numbers hold no character that JSON escapes; path and correlation id are the caller's.
  const correlation = line.correlationId === undefined ? '' : `,"correlationId":${JSON.stringify(line.correlationId)}`;
  const client = line.clientId === undefined ? '' : `,"clientId":"${line.clientId}"`;
  const refusal = line.refusal === undefined ? '' : `,"refusal":"${line.refusal}"`;
  return `{"level":"info","time":"${isoTime(line.time)}","traceId":"${line.traceId}"${correlation},"environment":"${line.environment}","listener":"${line.listener}","method":"${line.method}","path":${JSON.stringify(line.path)},"status":${line.status},"durationMs":${Math.round(line.durationMs * 1_000) / 1_000},"address":"${line.address}"${client}${refusal},"msg":"request"}\n`;
}

let lastTime = Number.NaN;
let lastIsoTime = '';

/** Many lines share a millisecond, and writing a date costs as much as the rest of the line. */
function isoTime(time: number): string {
  if (time !== lastTime) {
    lastTime = time;
    lastIsoTime = new Date(time).toISOString();
  }
  return lastIsoTime;
}
