// Writes the documents that are read off the code. With --check it writes nothing and fails on any difference, so that
// a change of the code cannot leave its document behind. Run from the root of the repository.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { catalogue, describeMetrics, describeMigratedSchema, readShippedPolicies } from '@tollward/server/documents';
import { renderClientApi } from './client-api-document.js';
import { renderMetrics } from './metrics-document.js';
import { renderOpenApi } from './openapi/document.js';
import { renderPolicy } from './policy-document.js';
import { renderRefusals } from './refusals-document.js';
import { readRequirements } from './requirements.js';
import { renderRequirements } from './requirements-document.js';
import { readSettings, renderSettings } from './settings-document.js';

interface GeneratedDocument {
  readonly file: string;
  readonly render: () => string | Promise<string>;
}

const documents: readonly GeneratedDocument[] = [
  {
    file: 'docs/generated/requirements.md',
    render: () => renderRequirements(readRequirements('conformance/requirements.json')),
  },
  { file: 'docs/generated/refusals.md', render: () => renderRefusals(catalogue) },
  { file: 'docs/generated/policy.md', render: async () => renderPolicy(await readShippedPolicies()) },
  { file: 'docs/generated/settings.md', render: () => renderSettings(readSettings()) },
  { file: 'docs/generated/metrics.md', render: () => renderMetrics(describeMetrics()) },
  { file: 'docs/generated/schema.md', render: describeMigratedSchema },
  { file: 'docs/generated/openapi.json', render: renderOpenApi },
  { file: 'docs/generated/client-api.md', render: renderClientApi },
];

const checkOnly = process.argv.includes('--check');
const stale: string[] = [];
for (const { file, render } of documents) {
  const text = await render();
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale.push(file);
  if (!checkOnly) writeFileSync(file, text);
}

if (checkOnly && stale.length > 0) {
  console.error(`These documents do not match the code: ${stale.join(', ')}. Run "npm run generate" and commit them.`);
  process.exitCode = 1;
} else {
  console.log(stale.length === 0 ? 'The generated documents match the code.' : `Written: ${stale.join(', ')}`);
}
