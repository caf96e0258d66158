import { describe, expect, test } from 'vitest';
import { listExports, parseDeclarations, renderDeclaration } from './client-api-document.js';

const errors = `import type { Kind } from './kind.js';
/** How it went. */
export type Word = 'a' | '}';
export type Long = {
    readonly a: 1;
} | {
    readonly b: 2;
};
interface Hidden {
    readonly a: string;
}
/**
 * Says \`no\`.
 *
 * @param facts what is known
 * @throws TypeError
 */
export declare class Refused extends Error {
    #private;
    /** Why: it says {. */
    readonly reason: string;
    constructor(facts: {
        readonly a: string;
    });
}
export declare function ask<T>(word: Word): Promise<T>;
export {};
//# sourceMappingURL=errors.d.ts.map`;

describe('the declarations of a file', () => {
  test('are those it exports, in order, however they are written', () => {
    expect(parseDeclarations(errors).declarations.map(({ name }) => name)).toEqual(['Word', 'Long', 'Refused', 'ask']);
  });

  test('are shown with their comments, without what only the compiler needs', () => {
    const [, , refused] = parseDeclarations(errors).declarations;
    expect(refused && renderDeclaration(refused)).toBe(`### Refused

Says \`no\`.

- \`facts\`: what is known
- throws TypeError

\`\`\`ts
class Refused extends Error {
  /** Why: it says {. */
  readonly reason: string;
  constructor(facts: {
    readonly a: string;
  });
}
\`\`\``);
  });
});

describe('the exports of an entry', () => {
  const files = new Map([
    ['dist/errors.d.ts', errors],
    ['dist/index.d.ts', "export { type Word, Refused } from './deep/again.js';\n"],
    ['dist/deep/again.d.ts', "export * from '../errors.js';\n"],
    ['dist/wrong.d.ts', "export { Missing, } from './errors.js';\n"],
  ]);
  const read = (path: string) => files.get(path) ?? `// no ${path}`;

  test('are found through other files, by name or all of them', () => {
    expect(listExports('dist/index.d.ts', read).map(({ name }) => name)).toEqual(['Word', 'Refused']);
    expect(listExports('dist/deep/again.d.ts', read)).toHaveLength(4);
  });

  test('are an error when they are not found', () => {
    expect(() => listExports('dist/wrong.d.ts', read)).toThrow('./errors.js exports no Missing');
  });
});
