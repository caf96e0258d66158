import { parseArgs } from 'node:util';

export interface BenchOptions {
  /** One node against two, instead of Tollward against others. */
  readonly nodes: boolean;
  /** Whether new connections are measured too. */
  readonly handshakes: boolean;
  readonly rounds: number;
  readonly windowSeconds: number;
}

type ParsedOptions =
  | { readonly ok: true; readonly options: BenchOptions }
  | { readonly ok: false; readonly problem: string };

// Many short rounds: what else happens on a machine changes within seconds, and the two windows of a ratio are to see the same.
const FULL = { handshakes: true, rounds: 9, windowSeconds: 1 };
const QUICK = { handshakes: false, rounds: 5, windowSeconds: 1 };

export function parseOptions(commandLine: readonly string[]): ParsedOptions {
  let values: { readonly quick: boolean; readonly nodes: boolean; readonly rounds?: string | undefined };
  try {
    ({ values } = parseArgs({
      args: [...commandLine],
      options: {
        quick: { type: 'boolean', default: false },
        nodes: { type: 'boolean', default: false },
        rounds: { type: 'string' },
      },
    }));
  } catch (cause) {
    return { ok: false, problem: cause instanceof Error ? cause.message : String(cause) };
  }
  const preset = { ...(values.quick ? QUICK : FULL), nodes: values.nodes };
  if (values.rounds === undefined) return { ok: true, options: preset };
  if (!/^[1-9][0-9]?$/.test(values.rounds)) return { ok: false, problem: '--rounds takes a number from 1 to 99.' };
  return { ok: true, options: { ...preset, rounds: Number(values.rounds) } };
}
