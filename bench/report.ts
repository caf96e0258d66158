// From the windows of all rounds to the table and the verdict. Pure, so that the arithmetic is tested without a server.

import type { LoadResult } from './load-plan.js';
import { median } from './statistics.js';

const MICROSECONDS_PER_SECOND = 1_000_000;

export interface MeasuredContender {
  readonly label: string;
  readonly reference?: string;
  readonly highestRatio?: number;
  /** One result per round, in the order of the rounds. */
  readonly results: readonly LoadResult[];
}

export interface Row {
  readonly label: string;
  readonly reference: string | undefined;
  /** Requests, or mebibytes where the label says so; `each` of them below. */
  readonly amountPerSecond: number;
  readonly cpuMicrosecondsEach: number;
  /** Share of one core the server used. */
  readonly serverLoad: number;
  readonly ratio: { readonly median: number; readonly lowest: number; readonly highest: number } | undefined;
  readonly highestRatio: number | undefined;
  readonly latency: LoadResult['latency'];
  readonly errors: number;
  readonly firstError: string | null;
}

interface Verdict {
  readonly label: string;
  readonly line: string;
  readonly pass: boolean;
}

export function summarise(contenders: readonly MeasuredContender[]): readonly Row[] {
  return contenders.map((contender) => {
    const { results } = contender;
    const reference = contenders.find(({ label }) => label === contender.reference);
    return {
      label: contender.label,
      reference: contender.reference,
      amountPerSecond: median(results.map((result) => result.amount / result.windowSeconds)),
      cpuMicrosecondsEach: median(results.map(cpuEach)),
      serverLoad: median(
        results.map((result) => result.serverCpuMicroseconds / (result.windowSeconds * MICROSECONDS_PER_SECOND)),
      ),
      ratio: reference === undefined ? undefined : compare(results, reference.results),
      highestRatio: contender.highestRatio,
      latency: medianLatency(results),
      errors: results.reduce((sum, result) => sum + result.errors, 0),
      firstError: results.find((result) => result.firstError !== null)?.firstError ?? null,
    };
  });
}

function medianLatency(results: readonly LoadResult[]): LoadResult['latency'] {
  const latencies = results.flatMap(({ latency }) => latency ?? []);
  if (latencies.length === 0) return null;
  return {
    p50Milliseconds: median(latencies.map(({ p50Milliseconds }) => p50Milliseconds)),
    p99Milliseconds: median(latencies.map(({ p99Milliseconds }) => p99Milliseconds)),
  };
}

/** Ratios are taken round by round: the two windows of a round lie close together, so a busy machine slows both. */
function compare(results: readonly LoadResult[], references: readonly LoadResult[]): NonNullable<Row['ratio']> {
  const ratios = results.map((result, round) => {
    const reference = references[round];
    return reference === undefined ? Number.NaN : cpuEach(result) / cpuEach(reference);
  });
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

function cpuEach(result: LoadResult): number {
  return result.serverCpuMicroseconds / result.amount;
}

/** One line per gate, then one per contender that met an error or did nothing. */
export function judge(rows: readonly Row[]): readonly Verdict[] {
  const gates = rows.flatMap(({ label, reference, ratio, highestRatio }) => {
    if (ratio === undefined || highestRatio === undefined) return [];
    // Written so that NaN, a round without any request, fails.
    const pass = ratio.median <= highestRatio;
    const line = `${label}: ${ratio.median.toFixed(2)} x ${reference}, gate ${highestRatio.toFixed(1)} x`;
    return [{ label, pass, line }];
  });
  const faults = rows
    .filter(({ errors, amountPerSecond }) => errors > 0 || !(amountPerSecond > 0))
    .map(({ label, errors, firstError }) => ({
      label,
      pass: false,
      line: `${label}: ${errors} errors${firstError === null ? ', no answer' : `, the first: ${firstError}`}`,
    }));
  return [...gates, ...faults];
}

export function formatTable(rows: readonly Row[]): string {
  const header = [
    'contender',
    'each/s',
    'CPU us each',
    'server load',
    'ratio (lowest-highest)',
    'p50 ms',
    'p99 ms',
    'errors',
  ];
  const lines = rows.map((row) => [
    row.label,
    row.amountPerSecond.toFixed(0),
    row.cpuMicrosecondsEach.toFixed(1),
    `${(row.serverLoad * 100).toFixed(0)} %`,
    row.ratio === undefined
      ? '1'
      : `${row.ratio.median.toFixed(2)} (${row.ratio.lowest.toFixed(2)}-${row.ratio.highest.toFixed(2)})`,
    row.latency?.p50Milliseconds.toFixed(2) ?? '-',
    row.latency?.p99Milliseconds.toFixed(2) ?? '-',
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
