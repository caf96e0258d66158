import { parsePolicy } from '@tollward/server/documents';
import { expect, test } from 'vitest';
import { renderPolicy } from './policy-document.js';

const text = `
version: 1
countries: { near: [EE, LV] }
rates: { slow: { perSecond: 1, perMinute: 2 } }
upstreams: { money: }
profiles: { upstream: money, path: '/internal/{profileId}' }
defaults: { upstream: money }
routes:
  GET /v1/a/{id}:
    summary: First
    tokens: [embedded, user]
    profile: path.id
    sca: { level: low, countries: near }
    personalCountries: near
    rate: slow
  POST /b:
    summary: Second
    tokens: [client_credentials]
    anonymous: true
    environments: [sandbox]
`;

function policyOf(environment: 'sandbox' | 'production') {
  const decision = parsePolicy(text, 'policy.yaml', environment);
  if (!decision.ok) throw new Error(decision.problems.join('\n'));
  return decision.policy;
}

test('each call has a row with both paths, who may call, and where it is served', () => {
  const document = renderPolicy({ sandbox: policyOf('sandbox'), production: policyOf('production') });
  expect(
    document.slice(document.indexOf('| Call')),
  ).toBe(`| Call | Calendar path | Who may call | Profile | SCA | Rate | What it is for |
|---|---|---|---|---|---|---|
| \`GET /v1/a/{id}\` | \`/2026Q3/a/{id}\` | embedded, user | id in the path | low | slow | First. |
| \`POST /b\` | none | client_credentials, nobody |  |  |  | Second. Sandbox only. |

Strong customer authentication is asked for profiles of EE, LV: \`GET /v1/a/{id}\`.

Personal tokens are taken for profiles of no other country than EE, LV: \`GET /v1/a/{id}\`.

| Rate | Calls of a client in a second | In a minute |
|---|---|---|
| slow | 1 | 2 |
`);
});
