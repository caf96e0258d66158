// From the windows of all rounds to the table and the verdict. Pure, so that the arithmetic is tested without a server.

import type { LoadResult } from './load-plan.js';
import { median } from './statistics.js';

const MICROSECONDS_PER_SECOND = 1_000_000;

export interface MeasuredContender {
  readonly label: string;
  readonly reference: string | undefined;
  readonly highestRatio: number | undefined;
  /** One result per round, in the order of the rounds. */
  readonly results: readonly LoadResult[];
}

export interface Row {
  readonly label: string;
  readonly requestsPerSecond: number;
  readonly cpuMicrosecondsPerRequest: number;
  /** Share of one core the server used. */
  readonly serverLoad: number;
  readonly ratio: { readonly median: number; readonly lowest: number; readonly highest: number } | undefined;
  readonly highestRatio: number | undefined;
  readonly p50Milliseconds: number;
  readonly p99Milliseconds: number;
  readonly errors: number;
  readonly firstError: string | null;
}

interface Verdict {
  readonly line: string;
  readonly pass: boolean;
}

export function summarise(contenders: readonly MeasuredContender[]): readonly Row[] {
  return contenders.map((contender) => {
    const { results } = contender;
    const reference = contenders.find(({ label }) => label === contender.reference);
    return {
      label: contender.label,
      requestsPerSecond: median(results.map((result) => result.requests / result.windowSeconds)),
      cpuMicrosecondsPerRequest: median(results.map(cpuPerRequest)),
      serverLoad: median(
        results.map((result) => result.serverCpuMicroseconds / (result.windowSeconds * MICROSECONDS_PER_SECOND)),
      ),
      ratio: reference === undefined ? undefined : compare(results, reference.results),
      highestRatio: contender.highestRatio,
      p50Milliseconds: median(results.map((result) => result.p50Milliseconds)),
      p99Milliseconds: median(results.map((result) => result.p99Milliseconds)),
      errors: results.reduce((sum, result) => sum + result.errors, 0),
      firstError: results.find((result) => result.firstError !== null)?.firstError ?? null,
    };
  });
}

/** Ratios are taken round by round: the two windows of a round lie close together, so a busy machine slows both. */
function compare(results: readonly LoadResult[], references: readonly LoadResult[]): NonNullable<Row['ratio']> {
  const ratios = results.map((result, round) => {
    const reference = references[round];
    return reference === undefined ? Number.NaN : cpuPerRequest(result) / cpuPerRequest(reference);
  });
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

function cpuPerRequest(result: LoadResult): number {
  return result.serverCpuMicroseconds / result.requests;
}

/** One line per gate, then one per contender that met an error or answered nothing. */
export function judge(rows: readonly Row[]): readonly Verdict[] {
  const gates = rows.flatMap(({ label, ratio, highestRatio }) => {
    if (ratio === undefined || highestRatio === undefined) return [];
    // Written so that NaN, a round without any request, fails.
    const pass = ratio.median <= highestRatio;
    return [{ pass, line: `${label}: ${ratio.median.toFixed(2)} x bare, gate ${highestRatio.toFixed(1)} x` }];
  });
  const faults = rows
    .filter(({ errors, requestsPerSecond }) => errors > 0 || !(requestsPerSecond > 0))
    .map(({ label, errors, firstError }) => ({
      pass: false,
      line: `${label}: ${errors} errors${firstError === null ? ', no answer' : `, the first: ${firstError}`}`,
    }));
  return [...gates, ...faults];
}

export function formatTable(rows: readonly Row[]): string {
  const header = [
    'contender',
    'req/s',
    'CPU us/req',
    'server load',
    'ratio (lowest-highest)',
    'p50 ms',
    'p99 ms',
    'errors',
  ];
  const lines = rows.map((row) => [
    row.label,
    row.requestsPerSecond.toFixed(0),
    row.cpuMicrosecondsPerRequest.toFixed(1),
    `${(row.serverLoad * 100).toFixed(0)} %`,
    row.ratio === undefined
      ? '1'
      : `${row.ratio.median.toFixed(2)} (${row.ratio.lowest.toFixed(2)}-${row.ratio.highest.toFixed(2)})`,
    row.p50Milliseconds.toFixed(2),
    row.p99Milliseconds.toFixed(2),
    String(row.errors),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  return [header, ...lines]
    .map((line) =>
      line
        .map((cell, column) => padCell(cell, widths[column] ?? 0, column === 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function padCell(cell: string, width: number, isLabel: boolean): string {
  return isLabel ? cell.padEnd(width) : cell.padStart(width);
}
