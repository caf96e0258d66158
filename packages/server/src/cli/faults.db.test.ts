import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createInjectedFaults } from '../surfaces/wire/injected-faults.js';
import { openTestCommands, type TestCommands } from '../testing/cli.js';

const faults = createInjectedFaults();
const clientId = `cli_${'1'.repeat(32)}`;
let dev: TestCommands;
let serve: TestCommands;
beforeAll(async () => {
  dev = await openTestCommands(faults);
  serve = await openTestCommands();
});
afterAll(async () => {
  await dev.close();
  await serve.close();
});

describe('faults add', () => {
  it('asks for what its options say, and says it back', async () => {
    const words = ['--client', clientId, '--method', 'post', '--path', '/oauth', '--times', '3', '--status', '429'];
    const { exitCode, out } = await dev.run(['faults', 'add', ...words, '--retry-after', '2', '--code', 'slow_down']);
    expect(exitCode).toBe(0);
    expect(out).toContain(
      `the answer is 429 slow_down, Retry-After 2, for the next 3 requests POST /oauth... of ${clientId} of sandbox`,
    );
    expect(faults.list('sandbox')).toEqual([
      {
        id: expect.any(Number),
        clientId,
        method: 'POST',
        path: '/oauth',
        times: 3,
        left: 3,
        effect: { kind: 'answer', status: 429, retryAfterSeconds: 2, code: 'slow_down' },
      },
    ]);
    expect((await dev.run(['faults', 'list'])).out).toContain('the next 3 requests POST /oauth...');
    expect((await dev.run(['faults', 'clear'])).out).toBe('1 fault removed.\n');
    expect((await dev.run(['faults', 'list'])).out).toBe('No fault waits for a request of sandbox.\n');
  });

  it.each([
    [['--reset'], { kind: 'reset' }],
    [['--no-answer'], { kind: 'no-answer' }],
    [['--status', '503', '--body', 'null'], { kind: 'answer', status: 503, body: null }],
    [['--status', '503', '--body', '{"a":[1]}'], { kind: 'answer', status: 503, body: { a: [1] } }],
  ])('takes %j for the next request of either environment', async (words, effect) => {
    const added = await dev.runJson<{ effect: unknown }>(['faults', 'add', '--environment', 'production', ...words]);
    expect(added.effect).toEqual(effect);
    expect(faults.list('production')).toMatchObject([{ times: 1, left: 1, effect }]);
    await dev.run(['faults', 'clear', '--environment', 'production']);
  });

  it.each([
    ['nothing to happen', []],
    ['two things to happen', ['--status', '503', '--reset']],
    ['a status that is no error', ['--status', '200']],
    ['a status that is no number', ['--status', 'busy']],
    ['an answer that is none', ['--reset', '--code', 'x']],
    ['a body that is no JSON', ['--status', '500', '--body', '{']],
    ['a client id that is none', ['--reset', '--client', 'x']],
    ['a path that is none', ['--reset', '--path', 'oauth']],
    ['no request', ['--reset', '--times', '0']],
  ])('ends with 2 for %s', async (_case, words) => {
    const { exitCode, out } = await dev.run(['faults', 'add', ...words]);
    expect([exitCode, out]).toEqual([2, '']);
    expect(faults.list('sandbox')).toEqual([]);
  });
});

it.each([['add', '--reset'], ['list'], ['clear']])(
  'faults %s ends with 4 at a server that makes none',
  async (...words) => {
    const { exitCode, error } = await serve.run(['faults', ...words]);
    expect([exitCode, error]).toEqual([4, expect.stringContaining('only "tollward dev"')]);
  },
);
