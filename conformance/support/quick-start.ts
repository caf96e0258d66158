// What `dev` prints, pasted into a shell.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, type Program, quickStartOf, type Variables } from './program.js';

/** The indented blocks of the quick start: what a reader pastes. */
export function printedCommands(program: Program): readonly string[] {
  return quickStartOf(program)
    .split('\n\n')
    .filter((block) => block.startsWith('   '));
}

/** They get a token, use it, see it refused and ask why. */
const blocksBeforeStory = 5;

const tools = ['curl', 'sed', 'tee'];

export interface Recorder {
  readonly variables: Variables;
  /** Every command line so far: what stands in a list of processes. */
  recorded(): string;
}

/** Programs of the names the printed lines use, which write down their arguments and hand over to the real ones. */
export function makeRecorder(): Recorder {
  const directory = makeDirectory();
  const record = join(directory, 'arguments');
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  for (const tool of tools) {
    const script = `#!/bin/sh\nprintf '%s\\n' "$0" "$@" >> '${record}'\nPATH=\${PATH#*:}\nexec ${tool} "$@"\n`;
    writeFileSync(join(bin, tool), script);
    chmodSync(join(bin, tool), 0o700);
  }
  return {
    variables: { PATH: `${bin}:${process.env['PATH']}` },
    recorded: () => (existsSync(record) ? readFileSync(record, 'utf8') : ''),
  };
}

type Json = Readonly<Record<string, unknown>>;

export interface Statement {
  readonly transactions: readonly {
    readonly type: string;
    readonly amount: { readonly value: number };
    readonly runningBalance: { readonly value: number };
  }[];
  readonly endOfStatementBalance: { readonly value: number; readonly currency: string };
}

/** The answers of the story, in their order. */
export interface Story {
  readonly profile: Json;
  readonly balance: Json;
  readonly topUp: Json;
  readonly quote: Json;
  readonly recipient: Json;
  readonly transfer: Json;
  readonly funding: Json;
  readonly statement: Statement;
  /** What the other partner is told. */
  readonly foreign: Json;
  /** What `explain` says about that. */
  readonly why: string;
}

/** The lines that send money, for one shell. */
export function storyOf(program: Program): string {
  return printedCommands(program).slice(blocksBeforeStory).join('\n');
}

/** Reads what the story printed: one answer in each line, then the explanation. */
export function parseStory(out: string): Story {
  const lines = out.split('\n');
  const [profile, balance, topUp, quote, recipient, transfer, funding] = lines
    .slice(0, 7)
    .map((line) => JSON.parse(line));
  const statement: Statement = JSON.parse(lines[7] ?? '');
  const foreign: Json = JSON.parse(lines[8] ?? '');
  const why = lines.slice(9).join('\n');
  return { profile, balance, topUp, quote, recipient, transfer, funding, statement, foreign, why };
}
