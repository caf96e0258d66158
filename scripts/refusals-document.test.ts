import { expect, test } from 'vitest';
import { renderRefusals } from './refusals-document.js';

test('each refusal has a row and a section of its own, with what the caller reads and what to do', () => {
  const text = renderRefusals({
    too_late: { status: 408, error: 'invalid_request', shape: 'status', text: 'Late.', remedy: 'Hurry.', closes: true },
    no_ticket: {
      status: 401,
      error: 'invalid_client',
      bearerError: 'invalid_token',
      shape: 'oauth',
      text: 'None of {kind}.',
      contractText: 'Invalid',
      remedy: 'Get one.',
    },
    elsewhere: { status: null, error: 'elsewhere', shape: 'status', text: 'Not sent.', remedy: 'Ask there.' },
  });
  expect(text.slice(text.indexOf('| Code'))).toBe(`| Code | Status | \`error\` |
|---|---|---|
| [too_late](#too_late) | 408 | \`Request Timeout\`, under \`/oauth/\` \`invalid_request\` |
| [no_ticket](#no_ticket) | 401 | \`invalid_token\`, under \`/oauth/\` \`invalid_client\` |
| [elsewhere](#elsewhere) | of the upstream |  |

## too_late

- Answer: 408, \`Request Timeout\`, under \`/oauth/\` \`invalid_request\`. Body \`{timestamp, status, error, message, path}\`, under \`/oauth/\` \`{error, error_description}\`. The connection is closed.
- Caller reads: Late.
- Remedy: Hurry.

## no_ticket

- Answer: 401, \`invalid_token\`, under \`/oauth/\` \`invalid_client\`. Body \`{error, error_description}\`.
- Caller reads: None of {kind}.
- The body says only "Invalid", as the contract has it; the text stands in \`WWW-Authenticate\`.
- Remedy: Get one.

## elsewhere

- Answer: the one of the upstream, as it is.
- Remedy: Ask there.
`);
});
