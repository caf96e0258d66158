import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));

describe('the intake of pasted files runs in a browser', () => {
  it('has its sources where this test looks', () => {
    expect(sources).toContain('read-paste.ts');
  });

  it.each(sources)('%s imports nothing from outside its folder and names nothing that only Node has', (name) => {
    const source = readFileSync(new URL(name, import.meta.url), 'utf8');
    const imported = Array.from(source.matchAll(/(?:from|import)\s*\(?'([^']+)'/g), ([, specifier]) => specifier);
    for (const specifier of imported) expect(specifier).toMatch(/^\.\/[a-z0-9-]+\.js$/);
    expect(source).not.toMatch(/\b(?:Buffer|process|require|global|__dirname)\b|node:/);
  });
});
