// From an empty directory to the first token, with nothing but what `tollward dev` prints.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseAnswer, type RawAnswer } from '../support/connection.js';
import { readEnvFile } from '../support/partner.js';
import { finish, makeDirectory, quickStartOf, startedDev, startShell } from '../support/program.js';
import { makeRecorder, printedCommands } from '../support/quick-start.js';

const directories = [
  ['a plain path', 'data'],
  ['a path with spaces, quotes, a colon and a dollar', `it's a "data" dir: $HOME`],
] as const;

test.each(directories)('[CLI-03] the printed lines work as pasted, in %s', async (_, name) => {
  const dataDirectory = join(makeDirectory(), name);
  const program = await startedDev(dataDirectory, { simulated: true });
  const [getToken = '', use = '', withoutCertificate = '', withOtherCertificate = '', explain = ''] =
    printedCommands(program);
  expect(program.out().split('\nTollward is ready')[0], 'no line of the log stands before').not.toContain('{');
  const recorder = makeRecorder();
  const paste = async (command: string): Promise<string> => {
    const { code, out, error } = await finish(startShell(command, recorder.variables));
    expect({ code, error }).toEqual({ code: 0, error: '' });
    return out;
  };

  const token: Record<string, unknown> = JSON.parse(await paste(getToken));
  expect(token).toMatchObject({
    access_token: expect.stringMatching(/^tlw_sbx_at_[\w-]{100,}$/),
    token_type: 'bearer',
  });

  const values = readEnvFile(join(dataDirectory, 'sandbox.env'));
  expect(JSON.parse(await paste(use))).toMatchObject({
    authenticated: true,
    environment: 'sandbox',
    clientId: values.get('CLIENT_ID'),
    tokenKind: 'client_credentials',
  });

  const bare = parseAnswer(await paste(withoutCertificate));
  expectRefusal(bare, {
    error: 'invalid_client',
    error_description:
      'No client certificate came with this connection: send the one that is registered for this client.',
    code: 'certificate_missing',
  });
  const foreign = parseAnswer(await paste(withOtherCertificate));
  expectRefusal(foreign, {
    error: 'invalid_token',
    error_description:
      'The access token is bound to another client certificate than the one on this connection: send that one, or get a new token over this one.',
    code: 'token_bound_elsewhere',
  });

  const explained = async ({ headers }: RawAnswer): Promise<string> =>
    paste(explain.replace('TRACE-ID', headers.get('x-trace-id') ?? ''));
  const why = await explained(bare);
  expect(why).toMatch(/^Refused +certificate_missing, answered 401 invalid_client$/m);
  expect(why).toMatch(/^Steps .*client ok > peer FAILED > /m);
  expect(why).toMatch(/^Expected +\S.*$/m);
  expect(why).toMatch(/^Seen +\S.*$/m);
  expect(why).toMatch(/^Remedy +\S.*--cert and --key/m);
  expect(why).toContain(values.get('CLIENT_ID'));
  expect(await explained(foreign)).toMatch(/^Steps .*standing ok > binding FAILED > /m);

  const key = readFileSync(values.get('CLIENT_KEY') ?? '', 'utf8').split('\n')[1] ?? '';
  const secrets = [values.get('CLIENT_SECRET') ?? '', String(token['access_token']), key];
  const inProcessLists = `${recorder.recorded()}\n${quickStartOf(program)}`;
  expect(inProcessLists.match(/\/bin\/curl$/gm)).toHaveLength(4);
  for (const secret of secrets) {
    expect(secret.length).toBeGreaterThan(40);
    expect(inProcessLists).not.toContain(secret);
  }
});

function expectRefusal(
  answer: RawAnswer,
  { code, ...body }: { readonly code: string; readonly error: string; readonly error_description: string },
): void {
  expect(answer.status).toBe(401);
  expect(JSON.parse(answer.body)).toEqual(body);
  expect(answer.headers.get('x-refusal-code')).toBe(code);
  expect(answer.headers.get('x-trace-id')).toMatch(/^[0-9a-f]{32}$/);
}
