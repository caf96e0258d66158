import { describe, expect, it } from 'vitest';
import type { ExplainedRefusalBody } from '../surfaces/management/schemas/refusals.js';
import { renderExplanation } from './explain.js';

const clientId = 'cli_00000000000000000000000000000001';
const page = { width: 110, colour: false };

function aRefusal(changes: Partial<ExplainedRefusalBody> = {}): ExplainedRefusalBody {
  return {
    traceId: '0123456789abcdef0123456789abcdef',
    occurredAt: new Date('2026-03-01T12:00:00.000Z'),
    environment: 'sandbox',
    listener: 'api-mtls',
    method: 'GET',
    path: '/v1/authenticated/playground',
    address: '127.0.0.1',
    correlationId: null,
    code: 'token_bound_elsewhere',
    status: 401,
    error: 'invalid_token',
    steps: [
      { name: 'token', outcome: 'passed' },
      { name: 'binding', outcome: 'failed' },
      { name: 'rate', outcome: 'not run' },
    ],
    expected: 'certificate A',
    seen: 'certificate B',
    remedy: 'Send certificate A.',
    clientId,
    clientNamed: null,
    suppressedBefore: 0,
    ...changes,
  };
}

describe('an explanation', () => {
  it('says what was refused, when, whose it was, where it stopped, and what to do', () => {
    expect(renderExplanation(aRefusal(), page)).toBe(
      [
        'Refused    token_bound_elsewhere, answered 401 invalid_token',
        'When       2026-03-01T12:00:00.000Z sandbox api-mtls, GET /v1/authenticated/playground, from 127.0.0.1',
        `Client     ${clientId} (owns the token)`,
        'Steps      token ok > binding FAILED > rate -',
        'Expected   certificate A',
        'Seen       certificate B',
        'Remedy     Send certificate A.',
      ].join('\n'),
    );
  });

  it('says that the answer was that of the upstream', () => {
    const text = renderExplanation(aRefusal({ code: 'upstream_refused', status: 409, error: null }), page);
    expect(text).toMatch(/^Refused +upstream_refused, answered 409 by the upstream$/m);
  });

  it('tells a client that authenticated from one that the request only named', () => {
    const steps: ExplainedRefusalBody['steps'] = [{ name: 'client', outcome: 'passed' }];
    expect(renderExplanation(aRefusal({ steps }), page)).toContain(`${clientId} (authenticated)`);
    const named = renderExplanation(aRefusal({ clientId: null, clientNamed: clientId }), page);
    expect(named).toContain(`only named by the request: ${clientId}`);
    expect(renderExplanation(aRefusal({ clientId: null }), page)).toMatch(/^Client +unknown$/m);
  });

  it('adds the correlation id and how often the same was not kept, only where there is one', () => {
    const text = renderExplanation(aRefusal({ correlationId: 'order-7', suppressedBefore: 12 }), page);
    expect(text).toContain('order-7');
    expect(text).toMatch(/^Repeated +12 more/m);
  });

  it('does not invent method and path for a request that could not be read', () => {
    expect(renderExplanation(aRefusal({ method: '', path: '' }), page)).toContain('a request that could not be read');
  });
});
