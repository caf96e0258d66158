// From the first profile to the statement, with the lines that `tollward dev` prints, and every "no" on the way.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { readEnvFile } from '../support/partner.js';
import { finish, makeDirectory, type Program, startedDev, startProgram, startShell } from '../support/program.js';
import { makeRecorder, parseStory, type Recorder, type Statement, storyOf } from '../support/quick-start.js';

interface Stage {
  readonly dataDirectory: string;
  readonly program: Program;
  readonly recorder: Recorder;
  /** Lines for a shell, pasted after the story that is printed, or after its first line only. */
  paste(after: 'the whole story' | 'its first line', lines: string): Promise<string>;
  tollward(...words: string[]): Promise<string>;
}

/** So that the log has the processes of the simulators, which are started before it says anything else. */
const variables = { TOLLWARD_LOG_LEVEL: 'debug' };

async function startStage(name: string): Promise<Stage> {
  const dataDirectory = join(makeDirectory(), name);
  const program = await startedDev(dataDirectory, { variables, simulated: true });
  const recorder = makeRecorder();
  const story = storyOf(program);
  const [firstLine = ''] = story.split('\n');
  const succeed = async (started: Program): Promise<string> => {
    const { code, out, error } = await finish(started);
    expect({ code, error }).toEqual({ code: 0, error: '' });
    return out;
  };
  return {
    dataDirectory,
    program,
    recorder,
    paste: (after, lines) =>
      succeed(startShell(`${after === 'its first line' ? firstLine : story}\n${lines}`, recorder.variables)),
    tollward: (...words) => succeed(startProgram(['--data-dir', dataDirectory, ...words])),
  };
}

/** Type, amount and running balance of each movement, the oldest first, and the balance at the end. */
function movementsOf({ transactions, endOfStatementBalance }: Statement) {
  const movements = transactions.map(({ type, amount, runningBalance }) => [type, amount.value, runningBalance.value]);
  return { movements: movements.reverse(), end: endOfStatementBalance.value };
}

const directories = [
  ['a plain path', 'data'],
  ['a path with spaces, quotes, a colon and a dollar', `it's a "data" dir: $HOME`],
] as const;

const fund = `call POST /v3/profiles/$PROFILE/transfers/$TRANSFER/payments '{"type": "BALANCE"}'`;

test.each(directories)('[CLI-04] the printed story sends money as pasted, in %s', async (_, name) => {
  const { dataDirectory, recorder, paste } = await startStage(name);
  const values = readEnvFile(join(dataDirectory, 'sandbox.env'));

  const story = parseStory(await paste('the whole story', ''));
  const { profile, balance, quote, recipient, transfer } = story;
  expect(profile).toMatchObject({ type: 'PERSONAL', id: expect.any(Number) });
  expect(balance).toMatchObject({ id: expect.any(Number), currency: 'GBP', type: 'STANDARD' });
  expect(quote).toMatchObject({ profile: profile['id'], sourceCurrency: 'GBP', targetCurrency: 'EUR' });
  expect(recipient).toMatchObject({ profile: profile['id'], currency: 'EUR' });
  expect(transfer).toMatchObject({ targetAccount: recipient['id'], quoteUuid: quote['id'], sourceValue: 100 });
  expect(story.funding).toMatchObject({ type: 'BALANCE', status: 'COMPLETED' });
  const once = [
    ['CREDIT', 500, 500],
    ['DEBIT', -100, 400],
  ];
  expect(movementsOf(story.statement)).toEqual({ movements: once, end: 400 });
  expect(story.foreign).toMatchObject({ status: 403, error: 'unauthorized', message: 'Unauthorized' });
  expect(story.why).toMatch(/^Refused +profile_not_accessible, answered 403/m);
  expect(story.why).toMatch(/^Steps .*rate ok > policy FAILED > /m);
  expect(story.why).toContain(values.get('OTHER_CLIENT_ID'));

  // Pasted again: the same profile and balance, another transfer.
  const marked = (lines: string): string => `printf '\\036'; ${lines}`;
  const [again = '', secondFunding = '', statement = ''] = (
    await paste('the whole story', `${marked(fund)}\n${marked(readStatement)}`)
  ).split('\x1e');
  const second = parseStory(again);
  expect([second.profile['id'], second.balance['id']]).toEqual([profile['id'], balance['id']]);
  expect(second.transfer['id']).not.toBe(transfer['id']);
  const twice = [...once, ['CREDIT', 500, 900], ['DEBIT', -100, 800]];
  expect(movementsOf(second.statement)).toEqual({ movements: twice, end: 800 });
  expect(secondFunding).toContain('payment.exists');
  expect(movementsOf(JSON.parse(statement)), 'funding it again debits nothing').toEqual({ movements: twice, end: 800 });

  const folders = [dirname(values.get('CLIENT_KEY') ?? ''), dirname(values.get('OTHER_CLIENT_KEY') ?? '')];
  const tokens = folders.map((folder) => /Bearer (\S+)"/.exec(readFileSync(join(folder, 'token.curl'), 'utf8'))?.[1]);
  for (const secret of [...tokens, values.get('CLIENT_SECRET'), values.get('OTHER_CLIENT_SECRET')]) {
    expect(secret?.length).toBeGreaterThan(40);
    expect(recorder.recorded()).not.toContain(secret);
  }
});

const day = new Date().toISOString().slice(0, 10);
const nextYear = `${new Date().getUTCFullYear() + 1}-01-31`;
const readStatement = `call GET "/v1/profiles/$PROFILE/balance-statements/$BALANCE/statement.json?currency=GBP&intervalStart=${day}T00:00:00Z&intervalEnd=${nextYear}T00:00:00Z"`;

test('[CLI-05] every refusal on the way has its own reason in explain', async () => {
  const { dataDirectory, program, paste, tollward } = await startStage('data');
  const commandLine = /^ +(node .+) explain /m.exec(storyOf(program))?.[1];
  const other = readEnvFile(join(dataDirectory, 'sandbox.env')).get('OTHER_CLIENT_ID') ?? '';
  const explained = async (lines: string): Promise<string> => {
    const out = await paste('its first line', `${lines}\nprintf '%s' "$TRACE_ID"`);
    const why = await tollward('explain', out.slice(out.lastIndexOf('\n') + 1));
    // Long lines are broken.
    return why.replaceAll(/\n +/g, ' ');
  };

  await tollward('clients', 'update', other, '--embedded-model', 'off');
  const kind = await explained('call_other GET /v2/profiles');
  expect(kind).toMatch(/^Refused +embedded_model_off, answered 403/m);
  expect(kind).toMatch(/^Steps .*rate ok > policy FAILED > /m);
  await tollward('clients', 'update', other, '--embedded-model', 'on');

  const strong = await explained(`call_other POST /v2/profiles/personal-profile '${personalProfile}'
    call_other POST /v3/profiles/$ID/transfers/1/payments '{"type": "BALANCE"}'`);
  expect(strong).toMatch(/^Refused +sca_not_available, answered 403/m);
  expect(strong).toMatch(/^Steps .*policy ok > sca FAILED > /m);

  // After its token, which counts too.
  const often = await explained(`${commandLine} --data-dir ${dataDirectory} clients update ${other} --rate 1/1
    call_other GET /v2/profiles
    call_other GET /v2/profiles`);
  expect(often).toMatch(/^Refused +client_rate_limited, answered 429/m);
  expect(often).toMatch(/^Steps .*binding ok > rate FAILED > /m);

  await tollward('clients', 'update', other, '--rate', 'default');

  const away = await explained(`kill -9 ${simulatorOf(program).pid}
    call GET /v2/profiles`);
  expect(away).toMatch(/^Refused +upstream_unreachable, answered 502/m);
  expect(away).toMatch(/^Steps .*sca ok > forward FAILED/m);
  await vi.waitUntil(async () => (await paste('its first line', 'call GET /v2/profiles')).startsWith('['), {
    timeout: 60_000,
  });
});

const personalProfile = JSON.stringify({
  firstName: 'Example',
  lastName: 'Customer',
  dateOfBirth: '1990-04-01',
  address: { addressFirstLine: '1 Example Street', city: 'Tallinn', countryIso3Code: 'EST', postCode: '10111' },
  contactDetails: { email: 'customer@example.com', phoneNumber: '+3725550100' },
});

test('the simulators end with the program, also when it is killed, and lose nothing', async () => {
  const { dataDirectory, program, paste } = await startStage('data');
  const story = parseStory(await paste('the whole story', ''));
  const { url } = simulatorOf(program);
  expect(await isListening(url)).toBe(true);
  program.kill('SIGKILL');
  await program.ended;
  await vi.waitUntil(async () => !(await isListening(url)), { timeout: 30_000 });

  const next = await startedDev(dataDirectory, { variables, simulated: true });
  const [firstLine = ''] = storyOf(next).split('\n');
  const { out } = await finish(
    startShell(`${firstLine}\n${readStatement}`, {
      PROFILE: String(story.profile['id']),
      BALANCE: String(story.balance['id']),
    }),
  );
  expect(JSON.parse(out)).toMatchObject({ endOfStatementBalance: { value: 400 } });
  const second = simulatorOf(next);
  next.kill('SIGTERM');
  expect(await next.ended).toEqual({ code: 0, signal: null });
  expect(await isListening(second.url)).toBe(false);
});

/** The one of the sandbox that was started last. */
function simulatorOf(program: Program): { readonly pid: number; readonly url: string } {
  const lines = program
    .out()
    .split('\n')
    .filter((line) => line.includes('"environment":"sandbox"') && line.includes('the simulator listens'));
  return JSON.parse(lines.at(-1) ?? '{}');
}

async function isListening(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}
