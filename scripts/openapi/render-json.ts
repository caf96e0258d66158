import type { Json } from '@tollward/server/documents';

const widestLine = 120;

/** As JSON.stringify with two spaces, but what fits on a line stays on one: the document has many short lists. */
export function renderJson(value: Json): string {
  return `${render(value, '', 0)}\n`;
}

function render(value: Json, indent: string, nameLength: number): string {
  const line = renderLine(value);
  if (typeof value !== 'object' || value === null || indent.length + nameLength + line.length <= widestLine)
    return line;
  const inner = `${indent}  `;
  const lines = isList(value)
    ? value.map((item) => `${inner}${render(item, inner, 0)}`)
    : Object.entries(value).map(([name, member]) => {
        const start = `${JSON.stringify(name)}: `;
        return `${inner}${start}${render(member, inner, start.length)}`;
      });
  const [open, close] = isList(value) ? '[]' : '{}';
  return `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}

function renderLine(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(renderLine).join(', ')}]`;
  const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}: ${renderLine(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function isList(value: object): value is readonly Json[] {
  return Array.isArray(value);
}
