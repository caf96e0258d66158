import { type CatalogueEntry, errorOf } from '@tollward/server/documents';
import { code, renderTable } from './markdown.js';

/** docs/generated/refusals.md: every expected "no", what its caller reads and what to do about it. */
export function renderRefusals(catalogue: Readonly<Record<string, CatalogueEntry>>): string {
  const entries = Object.entries(catalogue);
  const overview = entries.map(([name, entry]) => [
    `[${name}](#${name})`,
    entry.status === null ? 'of the upstream' : String(entry.status),
    entry.status === null ? '' : errorsOf(entry),
  ]);
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
  const answer = entry.status === null ? ['- Answer: the one of the upstream, as it is.'] : describeAnswer(entry);
  const lines = [`## ${name}`, '', ...answer];
  if (entry.contractText !== undefined) {
    lines.push(
      `- The body says only "${entry.contractText}", as the contract has it; the text stands in \`WWW-Authenticate\`.`,
    );
  }
  lines.push(`- Remedy: ${entry.remedy}`, '');
  return lines.join('\n');
}

function describeAnswer(entry: CatalogueEntry): string[] {
  const closes = entry.closes ? ' The connection is closed.' : '';
  return [
    `- Answer: ${entry.status}, ${errorsOf(entry)}. ${shapes[entry.shape]}${closes}`,
    `- Caller reads: ${entry.text}`,
  ];
}

function errorsOf(entry: CatalogueEntry): string {
  const [underOAuth, elsewhere] = [errorOf(entry, '/oauth/token'), errorOf(entry, '/')];
  return underOAuth === elsewhere ? code(elsewhere) : `${code(elsewhere)}, under \`/oauth/\` ${code(underOAuth)}`;
}

const shapes: Readonly<Record<CatalogueEntry['shape'], string>> = {
  oauth: 'Body `{error, error_description}`.',
  status: 'Body `{timestamp, status, error, message, path}`, under `/oauth/` `{error, error_description}`.',
};
