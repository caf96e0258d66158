// YAML 1.2 as far as a policy needs it: maps, lists and plain values. What lets one place of a file stand for another
// (anchors, aliases, merge keys) or gives a value another type (tags) is refused: a policy says what it says where one reads it.

import { Composer, isAlias, isNode, type ParsedNode, Parser, visit } from 'yaml';
import { printable } from '../../platform/printable.js';

/** Where the problems of one file are collected; each names its line. */
export interface Problems {
  /** @param at offset in the text */
  add(at: number, problem: string): void;
  isEmpty(): boolean;
  /** As each problem begins: `file:line:column`. */
  placeOf(at: number): string;
  /** As people read them: `file:line:column: problem`, in the order of the file. */
  list(): readonly string[];
}

export const maximumPolicyBytes = 1024 * 1024;
/** A policy needs five. Reading is recursive, so a file must not choose. */
const deepestNesting = 16;
/** More help nobody, and the first ones often cause the rest. */
const mostProblems = 100;

/** The root of the file; undefined when it can not be read at all, for which `problems` has the reasons. */
export function readPolicyText(
  text: string,
  file: string,
): { readonly root: ParsedNode | undefined; readonly problems: Problems } {
  const problems = createProblems(text, file);
  const refuse = (at: number, problem: string) => {
    problems.add(at, problem);
    return { root: undefined, problems };
  };
  if (Buffer.byteLength(text) > maximumPolicyBytes) return refuse(0, 'a policy has at most 1 MiB');
  const tokens = [...new Parser().parse(text)];
  if (depthOf(tokens) > deepestNesting) return refuse(0, 'the values are nested too deeply for a policy');
  const options = { schema: 'core', stringKeys: true, uniqueKeys: false } as const;
  const [document, second] = new Composer(options).compose(tokens, true, text.length);
  if (document === undefined || document.contents === null) {
    return refuse(0, 'the file is empty; a policy has at least "version" and "routes"');
  }
  // The first one, because the reader is out of step after it.
  const fault = document.errors[0] ?? document.warnings[0];
  if (fault !== undefined) {
    const [at] = fault.pos;
    const remedy = text[at] === '{' ? '; inside { } or [ ] a text with "{" has to be in quotes' : '';
    return refuse(at, `this is not YAML: ${lowerFirst(fault.message)}${remedy}`);
  }
  if (second !== undefined) problems.add(second.range[0], 'a policy is one document: nothing follows "---"');
  if (document.directives?.yaml.explicit === true) problems.add(0, 'a policy has no "%" directives');
  visit(document, (_, node) => {
    if (isAlias(node)) problems.add(startOf(node), 'a policy has no aliases: write the value here again');
    else if (isNode(node)) {
      if (node.anchor !== undefined) problems.add(startOf(node), 'a policy has no anchors: leave out the "&"');
      if (node.tag !== undefined) problems.add(startOf(node), 'a policy has no tags: leave out the "!"');
    }
  });
  return { root: problems.isEmpty() ? document.contents : undefined, problems };
}

function startOf({ range }: { readonly range?: readonly number[] | null | undefined }): number {
  return range?.[0] ?? 0;
}

/** Without recursion, because the depth is what is asked. */
function depthOf(tokens: readonly unknown[]): number {
  let deepest = 0;
  const waiting: { readonly token: unknown; readonly depth: number }[] = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { token, depth } = next;
    if (typeof token !== 'object' || token === null) continue;
    deepest = Math.max(deepest, depth);
    if (deepest > deepestNesting) return deepest;
    if ('value' in token) waiting.push({ token: token.value, depth });
    if ('key' in token) waiting.push({ token: token.key, depth });
    if ('items' in token && Array.isArray(token.items)) {
      for (const item of token.items) waiting.push({ token: item, depth: depth + 1 });
    }
  }
  return deepest;
}

function createProblems(text: string, file: string): Problems {
  const found: { readonly at: number; readonly problem: string }[] = [];
  const placeOf = (at: number): string => {
    const before = text.slice(0, at);
    return `${file}:${before.split('\n').length}:${at - before.lastIndexOf('\n')}`;
  };
  return {
    isEmpty: () => found.length === 0,
    placeOf,
    add: (at, problem) => void found.push({ at, problem: printable(problem) }),
    list: () => {
      const sorted = found.toSorted((left, right) => left.at - right.at);
      const shown = sorted.slice(0, mostProblems).map(({ at, problem }) => `${placeOf(at)}: ${problem}`);
      const next = sorted[mostProblems];
      return next === undefined ? shown : [...shown, `${placeOf(next.at)}: and ${found.length - mostProblems} more`];
    },
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
