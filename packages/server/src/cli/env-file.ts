// Files of KEY="value" lines, in the part of the format that a POSIX shell and env-file parsers read alike: a plain word,
// or double quotes with a backslash before each of " \ $ `.

export type ParsedEnvFile =
  | { readonly ok: true; readonly values: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly line: number };

const assignment = /^([A-Za-z_][A-Za-z0-9_]*)=(?:"((?:[^"\\$`]|\\["\\$`])*)"|([^\s"'\\$`#;&|<>()]*))$/;

/** Reads such a file; names the first line it can not read, never what stands in it. */
export function parseEnvFile(text: string): ParsedEnvFile {
  const values = new Map<string, string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, name, quoted, plain] = assignment.exec(line) ?? [];
    if (name === undefined) return { ok: false, line: index + 1 };
    values.set(name, quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return { ok: true, values };
}

/** @param values no line breaks in them */
export function formatEnvFile(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${quote(value)}\n`)
    .join('');
}

function quote(value: string): string {
  return /^[\w./:@%+=,-]*$/.test(value) ? value : `"${value.replaceAll(/["\\$`]/g, '\\$&')}"`;
}
