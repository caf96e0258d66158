// Structured logs: one JSON object a line. Everything but the request line goes through pino. The request line is written
// by hand to the same destination, because it is written on every request and its fields are known to be safe.

import type { Environment, RefusalCode } from '@tollward/protocol';
import { type Logger, pino } from 'pino';
import { createIsoTime } from '../iso-time.js';

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
  // Written after the answers of this turn: a row of lines is formatted in less than half the time of single ones.
  let waiting: RequestLine[] = [];
  const writeWaiting = (): void => {
    const lines = waiting;
    waiting = [];
    for (const line of lines) destination.write(formatRequestLine(line));
  };
  return {
    logger,
    request: (line) => {
      if (requestLines && waiting.push(line) === 1) setImmediate(writeWaiting);
    },
  };
}

const blockCharacters = 32 * 1024;
const flushMs = 100;
/** What waits for a reader that does not read; more is dropped rather than kept until the memory is gone. */
const maxLength = 16 * 1024 * 1024;

/**
 * The lines of one process on standard output, handed over in blocks: neither a request nor its line waits for the reader.
 * Whoever ends the process flushes.
 */
export function openStandardOutput(): LogDestination & { flush(): void } {
  const stream = pino.destination({ dest: 1, sync: false, maxWrite: 4 * blockCharacters, maxLength });
  // A reader that went away must not take the server with it.
  stream.on('error', () => undefined);
  let block = '';
  const handOver = (): void => {
    if (block === '') return;
    stream.write(block);
    block = '';
  };
  setInterval(handOver, flushMs).unref();
  return {
    write: (line) => {
      block += line;
      if (block.length >= blockCharacters) handOver();
    },
    flush: () => {
      handOver();
      stream.flushSync();
    },
  };
}

const isoTime = createIsoTime();

function formatRequestLine(line: RequestLine): string {
  // Ids, method, listener and numbers hold no character that JSON escapes; path and correlation id are the caller's.
  const correlation = line.correlationId === undefined ? '' : `,"correlationId":${JSON.stringify(line.correlationId)}`;
  const client = line.clientId === undefined ? '' : `,"clientId":"${line.clientId}"`;
  const refusal = line.refusal === undefined ? '' : `,"refusal":"${line.refusal}"`;
  return `{"level":"info","time":"${isoTime(line.time)}","traceId":"${line.traceId}"${correlation},"environment":"${line.environment}","listener":"${line.listener}","method":"${line.method}","path":${JSON.stringify(line.path)},"status":${line.status},"durationMs":${Math.round(line.durationMs * 1_000) / 1_000},"address":"${line.address}"${client}${refusal},"msg":"request"}\n`;
}
