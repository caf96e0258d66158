import type { CatalogueEntry } from '@tollward/server/documents';
import { code, renderTable } from './markdown.js';

/** docs/generated/refusals.md: every expected "no", what its caller reads and what to do about it. */
export function renderRefusals(catalogue: Readonly<Record<string, CatalogueEntry>>): string {
  const entries = Object.entries(catalogue);
  const overview = entries.map(([name, entry]) => [`[${name}](#${name})`, String(entry.status), errorsOf(entry)]);
  return [
    '# Refusals',
    '',
    'Written by `npm run generate` from `packages/server/src/refusals/catalogue.ts`. The code of a refusal stands in the',
    '`x-refusal-code` header of the answer, in the log line, and in `tollward explain <x-trace-id>`. `{name}` is filled in',
    'for each refusal.',
    '',
    renderTable(['Code', 'Status', '`error`'], overview),
    '',
    ...entries.map(([name, entry]) => renderRefusal(name, entry)),
  ].join('\n');
}

function renderRefusal(name: string, entry: CatalogueEntry): string {
  const lines = [
    `## ${name}`,
    '',
    `- Answer: ${entry.status}, ${errorsOf(entry)}. ${shapes[entry.shape]}${entry.closes ? ' The connection is closed.' : ''}`,
    `- Caller reads: ${entry.text}`,
  ];
  if (entry.contractText !== undefined) {
    lines.push(
      `- The body says only "${entry.contractText}", as the contract has it; the text stands in \`WWW-Authenticate\`.`,
    );
  }
  lines.push(`- Remedy: ${entry.remedy}`, '');
  return lines.join('\n');
}

function errorsOf({ error, bearerError }: CatalogueEntry): string {
  return bearerError === undefined
    ? code(error)
    : `${code(error)} at the token endpoint, ${code(bearerError)} at a protected call`;
}

const shapes: Readonly<Record<CatalogueEntry['shape'], string>> = {
  oauth: 'Body `{error, error_description}`.',
  status: 'Body `{timestamp, status, error, message, path}`, under `/oauth/` `{error, error_description}`.',
};
