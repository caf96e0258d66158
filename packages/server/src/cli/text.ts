import { styleText } from 'node:util';
import { printable } from '../platform/printable.js';

/** Breaks at spaces only, so that ids, paths and addresses stay whole and can be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

const gap = '   ';
/** Longer lines are hard to read, however wide the terminal is. */
const widestLine = 110;
const narrowestValue = 20;

export interface Page {
  readonly width: number;
  readonly colour: boolean;
}

/** Columns that running text may take on a page. */
export function lineWidth({ width }: Page): number {
  return Math.min(width, widestLine);
}

/** One labelled value a line, the values in one column, long ones continued below themselves. */
export function renderFields(fields: readonly (readonly [label: string, value: string])[], page: Page): string {
  const labelWidth = Math.max(...fields.map(([label]) => label.length));
  const valueWidth = Math.max(narrowestValue, lineWidth(page) - labelWidth - gap.length);
  const indent = `\n${' '.repeat(labelWidth)}${gap}`;
  return fields
    .map(([label, value]) => {
      const head = label.padEnd(labelWidth);
      const shown = page.colour ? styleText('bold', head) : head;
      return `${shown}${gap}${wrap(printable(value), valueWidth).join(indent)}`;
    })
    .join('\n');
}

export function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`;
}

/** Columns as wide as their widest cell; the last one is not padded. */
export function renderTable(header: readonly string[], rows: readonly (readonly string[])[], page: Page): string {
  const lines = [header, ...rows].map((row) => row.map(printable));
  const widths = header.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line, index) => {
      const text = line.map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)));
      return index === 0 && page.colour ? styleText('bold', text.join(gap)) : text.join(gap);
    })
    .join('\n');
}
