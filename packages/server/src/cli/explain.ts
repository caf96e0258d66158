import { type ExplainedRefusalBody, explainedRefusalSchema } from '../surfaces/management/schemas/refusals.js';
import { type Cli, done } from './cli.js';
import { askManagement } from './management-client.js';
import { type Page, renderFields } from './text.js';

export function addExplainCommand({ program, context, run }: Cli): void {
  program
    .command('explain')
    .argument('<trace-id>', 'the x-trace-id header of the answer')
    .description('explain why a request was refused and what to do about it')
    .action((traceId: string) =>
      run(async (load) => {
        const path = `/refusals/${encodeURIComponent(traceId.trim().toLowerCase())}`;
        const { dataDir } = load().settings;
        const answer = await askManagement(dataDir, { method: 'GET', path, answer: explainedRefusalSchema });
        return answer.ok ? done(renderExplanation(answer.value, context), answer.value) : answer.outcome;
      }),
    );
}

const stepMarks = { passed: 'ok', failed: 'FAILED', 'not run': '-' } as const;

export function renderExplanation(refusal: ExplainedRefusalBody, page: Page): string {
  const { environment, listener, method, path, address, correlationId, suppressedBefore } = refusal;
  const request = path === '' ? 'a request that could not be read' : `${method} ${path}`;
  const fields: [string, string][] = [
    ['Refused', `${refusal.code}, ${describeAnswer(refusal)}`],
    ['When', `${refusal.occurredAt.toISOString()} ${environment} ${listener}, ${request}, from ${address}`],
    ['Client', describeClient(refusal)],
    ['Steps', refusal.steps.map(({ name, outcome }) => `${name} ${stepMarks[outcome]}`).join(' > ')],
    ['Expected', refusal.expected],
    ['Seen', refusal.seen],
    ['Remedy', refusal.remedy],
  ];
  if (correlationId !== null) fields.push(['Caller id', `${correlationId} (x-external-correlation-id)`]);
  if (suppressedBefore > 0) {
    fields.push(['Repeated', `${suppressedBefore} more of the same before this one were counted, but not kept`]);
  }
  return renderFields(fields, page);
}

function describeAnswer({ status, error }: ExplainedRefusalBody): string {
  return error === null ? `answered ${status} by the upstream` : `answered ${status} ${error}`;
}

function describeClient({ clientId, clientNamed, steps }: ExplainedRefusalBody): string {
  if (clientId !== null) {
    // Only a token request proves its client itself; a protected call brings a token that somebody owns.
    const atTokenEndpoint = steps.some(({ name }) => name === 'client');
    return `${clientId} (${atTokenEndpoint ? 'authenticated' : 'owns the token'})`;
  }
  return clientNamed === null ? 'unknown' : `only named by the request: ${clientNamed}`;
}
