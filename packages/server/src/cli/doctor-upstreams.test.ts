import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { settingsSchema } from '../platform/config/settings.js';
import { listenOn } from '../platform/listeners/listen.js';
import { checkForwarding } from './doctor-upstreams.js';

const policyOf = (upstreams: string): string =>
  `version: 1\nupstreams: ${upstreams}\ndefaults: { upstream: money }\nroutes: { GET /x: { summary: x, tokens: [user] } }\n`;

function check(given: Readonly<Record<string, string>>) {
  return checkForwarding({ settings: settingsSchema.parse(given), files: {} }, ['sandbox']);
}

/** The address of something that listens, or did until a moment ago. */
async function anAddress(isOpen: boolean): Promise<string> {
  const server = createServer((socket) => void socket.destroy());
  await listenOn(server, '127.0.0.1', 0);
  const close = () => new Promise((resolve) => server.close(resolve));
  const address = server.address();
  if (isOpen) onTestFinished(async () => void (await close()));
  else await close();
  if (address === null || typeof address === 'string') throw new Error('the server has no port');
  return `http://127.0.0.1:${address.port}`;
}

describe('doctor judges what is forwarded', () => {
  test('a policy that can be used, and an upstream that takes connections', async () => {
    const sandboxUpstream = await anAddress(true);
    expect(await check({ sandboxPolicy: policyOf('{ money: }'), sandboxUpstream })).toEqual({
      missing: [],
      checks: [
        { name: 'sandbox route policy', result: 'ok', detail: '1 route, TOLLWARD_SANDBOX_POLICY' },
        { name: 'sandbox upstream money', result: 'ok', detail: `${sandboxUpstream} takes connections` },
      ],
    });
  });

  test('a policy that can not be used, with every problem', async () => {
    const { checks } = await check({ sandboxPolicy: 'version: 7' });
    expect(checks).toEqual([
      {
        name: 'sandbox route policy',
        result: 'fail',
        detail: 'can not be used',
        remedy: expect.stringMatching(/^TOLLWARD_SANDBOX_POLICY:1:1: .*"routes".* TOLLWARD_SANDBOX_POLICY:1:10: /),
      },
    ]);
  });

  test('an upstream that nobody can reach, with where its address stands', async () => {
    const [down, other] = [await anAddress(false), await anAddress(false)];
    const { checks } = await check({
      sandboxPolicy: policyOf(`{ money: , cards: { url: "${other}" } }`),
      sandboxUpstream: down,
    });
    expect(checks.slice(1)).toMatchObject([
      {
        name: 'sandbox upstream money',
        result: 'fail',
        detail: `${down} can not be reached (ECONNREFUSED)`,
        remedy: expect.stringContaining('TOLLWARD_SANDBOX_UPSTREAM'),
      },
      {
        name: 'sandbox upstream cards',
        result: 'fail',
        detail: `${other} can not be reached (ECONNREFUSED)`,
        remedy: expect.stringContaining('"url" in the route policy'),
      },
    ]);
  });

  test('one without an address as what "serve" would miss, and not as one that is down', async () => {
    const { checks, missing } = await check({ sandboxPolicy: policyOf('{ money: }') });
    expect(checks).toHaveLength(1);
    expect(missing).toEqual([expect.stringMatching(/^TOLLWARD_SANDBOX_UPSTREAM must be set/)]);
  });
});
