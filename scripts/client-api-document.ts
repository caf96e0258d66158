// docs/generated/client-api.md: what @tollward/client exports, read off the declaration files that its users get. TypeScript 7 has no API for
// programs, so this reads their text. It needs no more than the compiler writes: one declaration after the other, none on the same line.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Declaration {
  readonly name: string;
  /** The lines of its comment, without the stars. */
  readonly comment: readonly string[];
  readonly text: string;
}

interface Module {
  readonly declarations: readonly Declaration[];
  /** Names exported from other files; all of them when there are no names. */
  readonly reexports: readonly { readonly from: string; readonly names: readonly string[] | undefined }[];
}

const start = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|function|const) (\w+)/;

/** Splits the text of a declaration file. */
export function parseDeclarations(text: string): Module {
  const declarations: Declaration[] = [];
  const reexports: { from: string; names: readonly string[] | undefined }[] = [];
  for (const statement of splitStatements(text)) {
    const reexport = /^export (?:type )?(?:\*|\{([\s\S]*?)\}) from '(.+)';$/.exec(statement.text);
    const name = start.exec(statement.text)?.[1];
    if (reexport !== null) {
      const [, list, from = ''] = reexport;
      reexports.push({
        from,
        names: list
          ?.split(',')
          .map(withoutType)
          .filter((listed) => listed !== ''),
      });
    } else if (name !== undefined && statement.text.startsWith('export ')) {
      declarations.push({ name, comment: statement.comment, text: tidy(statement.text) });
    }
  }
  return { declarations, reexports };
}

function withoutType(listed: string): string {
  return listed.trim().replace(/^type /, '');
}

function splitStatements(text: string): { readonly comment: readonly string[]; readonly text: string }[] {
  const statements: { comment: readonly string[]; text: string }[] = [];
  let comment: string[] = [];
  let statement: string[] = [];
  let isComment = false;
  let depth = 0;
  for (const line of text.split('\n')) {
    if (statement.length === 0 && (isComment || line.startsWith('/**'))) {
      if (!isComment) comment = [];
      comment.push(line);
      isComment = !line.trimEnd().endsWith('*/');
      continue;
    }
    if (line === '' || (statement.length === 0 && line.startsWith('//'))) continue;
    statement.push(line);
    depth += depthOf(line);
    if (depth > 0 || !/[;}]$/.test(line)) continue;
    statements.push({ comment: readComment(comment), text: statement.join('\n') });
    comment = [];
    statement = [];
  }
  return statements;
}

/** How many brackets a line leaves open, those in comments and strings not counted. */
function depthOf(line: string): number {
  if (/^\s*(?:\/\*\*|\*)/.test(line)) return 0;
  const bare = line.replaceAll(/'[^']*'|"[^"]*"/g, '');
  return [...bare].reduce((depth, sign) => depth + ('({['.includes(sign) ? 1 : ')}]'.includes(sign) ? -1 : 0), 0);
}

function readComment(lines: readonly string[]): readonly string[] {
  return lines
    .map((line) => line.replace(/^\s*\/?\*+\/?\s?/, '').replace(/\s*\*\/\s*$/, ''))
    .filter((line, at, all) => line !== '' || (at > 0 && at < all.length - 1));
}

/** As a reader wants it: without what only the compiler needs, two spaces for each level. */
function tidy(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '#private;')
    .map((line) => line.replace(/^ +/, (indent) => indent.slice(indent.length / 2)))
    .join('\n')
    .replace(/^export (?:declare )?/, '');
}

/** Everything that `entry` exports, in the order of its lines. @param read gives the text of a declaration file by its path */
export function listExports(entry: string, read: (path: string) => string): readonly Declaration[] {
  const { declarations, reexports } = parseDeclarations(read(entry));
  const others = reexports.flatMap(({ from, names }) => {
    const all = listExports(join(entry, '..', from.replace(/\.js$/, '.d.ts')), read);
    if (names === undefined) return all;
    return names.map((name) => {
      const found = all.find((declaration) => declaration.name === name);
      if (found === undefined) throw new Error(`${from} exports no ${name}`);
      return found;
    });
  });
  return [...declarations, ...others];
}

export function renderDeclaration({ name, comment, text }: Declaration): string {
  const lines = comment.map((line) =>
    line.replace(/^@param (\w+) /, '- `$1`: ').replace(/^@(returns|throws) /, '- $1 '),
  );
  return [`### ${name}`, '', ...(lines.length === 0 ? [] : [...lines, '']), '```ts', text, '```'].join('\n');
}

/** What a reader looks for first stands first; the rest is in the order of the files. */
const entries = [
  {
    title: '@tollward/client',
    file: 'packages/client/dist/index.d.ts',
    first: ['PartnerClient', 'ApiCaller', 'PartnerClientOptions', 'MtlsOptions', 'RequestOptions', 'ApiResponse'],
  },
  {
    title: '@tollward/client/testing',
    file: 'packages/client/dist/testing/index.d.ts',
    first: ['startSandbox', 'SandboxOptions', 'Sandbox'],
  },
];

export function renderClientApi(): string {
  const shown = new Set<string>();
  const sections = entries.flatMap(({ title, file, first }) => {
    const rank = ({ name }: Declaration): number => (first.includes(name) ? first.indexOf(name) : first.length);
    // What both entries export is shown once.
    const declarations = listExports(file, (path) => readFileSync(path, 'utf8'))
      .filter(({ name }) => !shown.has(name))
      .toSorted((a, b) => rank(a) - rank(b));
    for (const { name } of declarations) shown.add(name);
    return [`## ${title}`, ...declarations.map(renderDeclaration)];
  });
  const introduction = [
    'Written by `npm run generate` from the declaration files of `packages/client`. How to use it is in',
    '[its README](../../packages/client/README.md).',
  ];
  return `${['# API of the client', introduction.join('\n'), ...sections].join('\n\n')}\n`;
}
