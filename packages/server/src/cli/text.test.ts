import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { printable } from '../platform/printable.js';
import { renderFields, renderTable, wrap } from './text.js';

const page = { width: 40, colour: false };

describe('wrapping', () => {
  it('keeps every word whole and in order, and no line over the width that two words could share', () => {
    const words = fc.array(fc.stringMatching(/^[a-z]{1,12}$/), { minLength: 1 });
    fc.assert(
      fc.property(words, fc.integer({ min: 1, max: 30 }), (list, width) => {
        const lines = wrap(list.join(' '), width);
        expect(lines.join(' ')).toBe(list.join(' '));
        for (const line of lines) expect(line.length <= width || !line.includes(' ')).toBe(true);
      }),
    );
  });
});

describe('text from strangers', () => {
  it.each(['\u001b[2J', '\r', '\n', '\u202e', '\u2028', '\u200b'])('can not steer the terminal with %j', (sequence) => {
    expect(printable(`a${sequence}b`)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
    expect(renderFields([['Seen', `a${sequence}b`]], page)).toMatch(/^Seen {3}a.+b$/u);
    expect(renderTable(['HEAD'], [[`a${sequence}b`]], page).split('\n')).toHaveLength(2);
  });
});

describe('fields', () => {
  it('continue long values in their own column', () => {
    const text = renderFields(
      [
        ['A', 'one two three four five six seven eight nine'],
        ['Label', 'x'],
      ],
      page,
    );
    expect(text).toBe(['A       one two three four five six', '        seven eight nine', 'Label   x'].join('\n'));
  });
});

describe('a table', () => {
  it('lines its columns up', () => {
    expect(renderTable(['A', 'B'], [['long cell', 'x']], page)).toBe(['A           B', 'long cell   x'].join('\n'));
  });
});
