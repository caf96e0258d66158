import { parseArgs } from 'node:util';

export interface BenchOptions {
  readonly rounds: number;
  readonly windowSeconds: number;
}

type ParsedOptions =
  | { readonly ok: true; readonly options: BenchOptions }
  | { readonly ok: false; readonly problem: string };

const FULL: BenchOptions = { rounds: 5, windowSeconds: 2.5 };
const QUICK: BenchOptions = { rounds: 2, windowSeconds: 2 };

export function parseOptions(commandLine: readonly string[]): ParsedOptions {
  let values: { readonly quick: boolean; readonly rounds?: string | undefined };
  try {
    ({ values } = parseArgs({
      args: [...commandLine],
      options: { quick: { type: 'boolean', default: false }, rounds: { type: 'string' } },
    }));
  } catch (cause) {
    return { ok: false, problem: cause instanceof Error ? cause.message : String(cause) };
  }
  const preset = values.quick ? QUICK : FULL;
  if (values.rounds === undefined) return { ok: true, options: preset };
  if (!/^[1-9][0-9]?$/.test(values.rounds)) return { ok: false, problem: '--rounds takes a number from 1 to 99.' };
  return { ok: true, options: { ...preset, rounds: Number(values.rounds) } };
}
