// What every command shares: the world it runs in, and the outcome it hands back instead of printing by itself.

import type { Command } from 'commander';
import type { LoadedSettings } from '../platform/config/load-settings.js';
import type { SettingName } from '../platform/config/settings.js';
import { type ExitCode, exitCodes } from './exit-codes.js';

/** The world outside of the program. */
export interface CliContext {
  readonly version: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Columns that standard output has room for. */
  readonly width: number;
  readonly colour: boolean;
  readonly writeOut: (text: string) => void;
  readonly writeError: (text: string) => void;
  /** Standard input, no more of it than `readStart` reads; undefined when that is a terminal, where nobody expects to type a token. */
  readonly readInput: () => Promise<string> | undefined;
  /** All of standard input, piece by piece. */
  readonly streamInput: () => AsyncIterable<Uint8Array>;
  readonly clock: () => number;
  readonly startDev: (loaded: LoadedSettings, options: { readonly endWithStdin: boolean }) => Promise<void>;
  readonly startServe: (loaded: LoadedSettings) => Promise<void>;
}

export interface Outcome {
  readonly exitCode: ExitCode;
  /** For standard output: `text` for people, `json` with --json. */
  readonly output?: { readonly text: string; readonly json: unknown };
  /** For standard error: what is wrong and what to do. `details` are further members with --json. */
  readonly problem?: { readonly message: string; readonly details?: Readonly<Record<string, unknown>> };
}

export type Flags = Partial<Record<SettingName, string | undefined>>;
/** @throws SettingsError */
export type LoadSettings = (flags?: Flags) => LoadedSettings;

export interface Cli {
  readonly program: Command;
  readonly context: CliContext;
  /** Runs the work of a command and prints its outcome. */
  readonly run: (work: (load: LoadSettings) => Promise<Outcome>) => Promise<void>;
}

export function done(text: string, json: unknown): Outcome {
  return { exitCode: exitCodes.ok, output: { text, json } };
}

export function failed(exitCode: ExitCode, message: string, details?: Readonly<Record<string, unknown>>): Outcome {
  return { exitCode, problem: { message, ...(details && { details }) } };
}
