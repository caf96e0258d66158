import { randomUUID } from 'node:crypto';
import type { Environment } from '@tollward/protocol';
import {
  aClient,
  aToken,
  startTestServer,
  type TestClient,
  type TestClientOptions,
  type TestServer,
} from '@tollward/server/testing';
import { Client } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Outcome } from './access-matrix.js';
import {
  type ForwardedCaller,
  type ForwardedRoute,
  forwardedAccess,
  type Place,
  type ProfileCaller,
  places,
} from './forwarded-access.js';
import { type Knock, prepareKnocks } from './support/knocks.js';
import { type MoneyUpstream, startMoneyUpstream } from './support/money-upstream.js';

/** So much passes from one knock to the next that no limit of a route is reached. */
const betweenKnocksMs = 250;
const ids: Readonly<Record<string, string>> = {
  quoteId: '7f0c8b52-3b9f-4b62-9a52-0d4f1d1c7a10',
  accountId: '4000001',
  transferId: '5000001',
  balanceId: '6000001',
  status: 'processing',
};

const profiles = {
  own: '77001234',
  estonian: '77001235',
  foreign: '77001236',
  nobodys: '77001237',
  absent: '77001238',
  plain: '77001239',
  lenient: '77001240',
} as const;

/** The profiles that a caller names. */
const named: Readonly<Record<ProfileCaller, readonly string[]>> = {
  'embedded model: for a profile of its own': [profiles.own],
  'embedded model: for a profile of its own, in a country of strong authentication': [profiles.estonian],
  'embedded model: for a profile of another client': [profiles.foreign],
  'embedded model: for a profile that no client made': [profiles.nobodys],
  'embedded model: for a profile that does not exist': [profiles.absent],
  'embedded model: for a profile in another spelling': [`0${profiles.own}`],
  'embedded model: for no profile': [],
  'embedded model: for two profiles': [profiles.own, profiles.own],
  'no embedded model: for a profile of its own': [profiles.plain],
  'strong authentication switched off: for a profile of its own, in a country of it': [profiles.lenient],
};

/** In production it can not be switched off for a client. */
const sandboxCaller = 'strong authentication switched off: for a profile of its own, in a country of it';

type Knocks = Readonly<Partial<Record<ForwardedCaller, Knock>>>;

async function prepare(server: TestServer, environment: Environment, upstream: MoneyUpstream): Promise<Knocks> {
  const { knocks, client, stranger } = await prepareKnocks(server, environment);
  const withToken = async (of: TestClient): Promise<Knock> => ({
    identity: of.identity,
    headers: { authorization: `Bearer ${await aToken(server, of)}` },
  });
  const make = (policy: TestClientOptions['policy']) => aClient(server, { environment, policy: policy ?? {} });
  const member = await make({ embeddedModel: true });
  const asMember = await withToken(member);
  const asPlain = await withToken(client);
  upstream.profiles.set(profiles.own, { country: 'US', clientId: member.clientId });
  upstream.profiles.set(profiles.estonian, { country: 'EE', clientId: member.clientId });
  upstream.profiles.set(profiles.foreign, { country: 'US', clientId: stranger.clientId });
  upstream.profiles.set(profiles.nobodys, { country: 'US', clientId: null });
  upstream.profiles.set(profiles.plain, { country: 'US', clientId: client.clientId });
  const more: Partial<Record<ProfileCaller, Knock>> = {};
  for (const caller of Object.keys(named) as ProfileCaller[]) {
    if (caller.startsWith('embedded model')) more[caller] = asMember;
    if (caller.startsWith('no embedded model')) more[caller] = asPlain;
  }
  if (environment === 'sandbox') {
    const lenient = await make({ embeddedModel: true, scaOff: true });
    upstream.profiles.set(profiles.lenient, { country: 'EE', clientId: lenient.clientId });
    more[sandboxCaller] = await withToken(lenient);
  }
  return { ...knocks, ...more };
}

/** The target of a call: its template with ids in it, and a profile where the route names one. */
function targetOf(template: string, { profileInQuery }: ForwardedRoute, caller: ForwardedCaller, query = ''): string {
  const [profileId = profiles.own, ...others] = caller in named ? named[caller as ProfileCaller] : [profiles.own];
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === 'profileId' ? profileId : (ids[name] ?? ''),
  );
  const isNamed = profileInQuery !== undefined && caller !== 'embedded model: for no profile';
  const parameters = isNamed ? [profileId, ...others].map((id) => `${profileInQuery}=${id}`) : [];
  const all = [...(query === '' ? [] : [query.slice(1)]), ...parameters];
  return all.length === 0 ? path : `${path}?${all.join('&')}`;
}

/** Sends on connections that stay open: one for each listener and certificate. */
function createSender(server: TestServer, environment: Environment) {
  const clients = new Map<string, Client>();
  return {
    send: async (method: string, path: string, { listener = 'api-mtls', identity, headers }: Knock, id: string) => {
      const key = `${listener} ${identity?.cert}`;
      const known = clients.get(key);
      const tls = { ca: server.caOf(environment), ...(identity ? { cert: identity.cert, key: identity.key } : {}) };
      const client = known ?? new Client(server.urlOf(environment, listener), { connect: tls });
      clients.set(key, client);
      const answer = await client.request({
        method,
        path,
        headers: { 'x-external-correlation-id': id, ...headers },
      });
      await answer.body.dump();
      const code = answer.headers['x-refusal-code'];
      return code === undefined ? String(answer.statusCode) : `${answer.statusCode} ${String(code)}`;
    },
    close: async () => {
      for (const client of clients.values()) await client.destroy();
    },
  };
}

function textOf(outcome: Outcome): string {
  return outcome === 200 ? '200' : outcome.join(' ');
}

const environmentOf = (place: Place): Environment => (place === 'sandbox' ? 'sandbox' : 'production');

describe.each(places)('access to what is forwarded, in %s', (place) => {
  const environment = environmentOf(place);
  let upstream: MoneyUpstream;
  let server: TestServer;
  let start: number;
  let knocks: Knocks;
  let sender: ReturnType<typeof createSender>;
  beforeAll(async () => {
    upstream = await startMoneyUpstream();
    const unsafeNoSca = place === 'production without strong authentication';
    server = await startTestServer({
      settings: { unsafeNoSca: unsafeNoSca ? 'true' : 'false' },
      upstreamUrl: (of) => (of === environment ? upstream.url : undefined),
    });
    knocks = await prepare(server, environment, upstream);
    start = server.time.now;
    sender = createSender(server, environment);
  }, 60_000);
  afterAll(async () => {
    await sender.close();
    await server.stop();
    await upstream.close();
  });

  let turn = 0;
  const knockAt = async (route: string, entry: ForwardedRoute, caller: ForwardedCaller, knock: Knock) => {
    const [method = '', template = ''] = route.split(' ');
    const { afterMs = 0, query } = knock;
    turn += 1;
    server.time.now = start + turn * betweenKnocksMs + afterMs;
    const id = randomUUID();
    const outcome = await sender.send(method, targetOf(template, entry, caller, query), knock, id);
    const arrived = upstream.arrived.has(id);
    if (outcome === '200') return arrived ? outcome : '200, but it did not reach the upstream';
    return arrived ? `${outcome}, but it reached the upstream` : outcome;
  };

  const routes = Object.entries(forwardedAccess).filter(
    ([, { only, row }]) =>
      (only === undefined || only === environment) && (place === environment || row(place) !== row(environment)),
  );
  // Not test.each: it would cut the names, and with them the ids of the requirements.
  for (const [route, entry] of routes) {
    test(`[POL-30] ${route}: everybody gets what the matrix says, and nothing refused reaches the upstream`, async () => {
      const expected: Record<string, string> = {};
      const seen: Record<string, string> = {};
      for (const [caller, outcome] of Object.entries(entry.row(place)) as [ForwardedCaller, Outcome | undefined][]) {
        if (outcome === undefined || (environment === 'production' && caller === sandboxCaller)) continue;
        const knock = knocks[caller];
        if (knock === undefined) throw new Error(`nobody knocks as ${caller}`);
        expected[caller] = textOf(outcome);
        seen[caller] = await knockAt(route, entry, caller, knock);
      }
      expect(seen).toEqual(expected);
    });
  }
});
