import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from './parse-policy.js';
import type { RouteMethod, RoutePolicy } from './policy.js';
import { routeMethods } from './policy.js';
import { createRouteTable } from './route-table.js';

function policyOf(calls: readonly string[]): { readonly routes: readonly RoutePolicy[] } {
  const routes = calls.map((call) => `  ${call}: { summary: x, tokens: [user] }\n`).join('');
  const text = `version: 1\nupstreams: { money: {} }\ndefaults: { upstream: money }\nroutes:\n${routes}`;
  const decision = parsePolicy(text, 'policy.yaml', 'sandbox');
  if (!decision.ok) throw new Error(decision.problems.join('\n'));
  return decision.policy;
}

/** What was found, short enough to compare. */
function find(policy: ReturnType<typeof policyOf>, method: string, path: string) {
  const found = createRouteTable(policy).find(method, path);
  if (found === undefined || 'allowed' in found) return found;
  const { route, parameters, upstreamPath } = found;
  return { call: `${route.method} ${route.path}`, parameters, upstreamPath };
}

const policy = policyOf([
  'GET /v1/rates',
  'GET /v2/profiles/{profileId}',
  'POST /v2/profiles/personal-profile',
  'GET /v3/profiles/{profileId}/quotes/{quoteId}',
  'PATCH /v3/profiles/{profileId}/quotes/{id}',
  'GET /v3/profiles/first/{other}/last',
  'GET /pay',
]);

describe('a route table', () => {
  test('[POL-01] finds a call by its legacy and by its calendar path, and gives the upstream the legacy one', () => {
    const parameters = { profileId: '77', quoteId: 'a-b.c~d_e' };
    const call = 'GET /v3/profiles/{profileId}/quotes/{quoteId}';
    const upstreamPath = '/v3/profiles/77/quotes/a-b.c~d_e';
    expect(find(policy, 'GET', upstreamPath)).toEqual({ call, parameters, upstreamPath });
    expect(find(policy, 'GET', '/2026Q3/profiles/77/quotes/a-b.c~d_e')).toEqual({ call, parameters, upstreamPath });
    expect(find(policy, 'GET', '/2026Q3/rates')).toMatchObject({ call: 'GET /v1/rates', upstreamPath: '/v1/rates' });
    expect(find(policy, 'GET', '/pay')).toMatchObject({ call: 'GET /pay', upstreamPath: '/pay' });
  });

  test('finds the route of GET for HEAD, and names the methods of a path that has others', () => {
    expect(find(policy, 'HEAD', '/v1/rates')).toMatchObject({ call: 'GET /v1/rates' });
    expect(find(policy, 'DELETE', '/v3/profiles/1/quotes/2')).toEqual({ allowed: ['GET', 'HEAD', 'PATCH'] });
    expect(find(policy, 'get', '/v1/rates')).toEqual({ allowed: ['GET', 'HEAD'] });
  });

  test('each route names the parameters in its own way', () => {
    expect(find(policy, 'PATCH', '/v3/profiles/1/quotes/2')).toMatchObject({ parameters: { profileId: '1', id: '2' } });
  });

  test('what is written out wins over a parameter, whatever the method, unless the rest does not fit', () => {
    expect(find(policy, 'GET', '/v2/profiles/personal-profile')).toEqual({ allowed: ['POST'] });
    expect(find(policy, 'GET', '/v3/profiles/first/quotes/2')).toMatchObject({ parameters: { profileId: 'first' } });
    expect(find(policy, 'GET', '/v3/profiles/first/quotes/last')).toMatchObject({ parameters: { other: 'quotes' } });
  });

  for (const path of [
    '',
    '/',
    'v1/rates',
    'xv1/rates',
    '/v1',
    '/v1/rates/',
    '//v1/rates',
    '/V1/rates',
    '/v1/rates?x',
    '/v1/%72ates',
    '/2026Q3/v1/rates',
    '/2026Q4/rates',
    '/2026Q3/pay',
    '/v2/profiles/.',
    '/v2/profiles/..',
    '/v2/profiles/',
    '/v2/profiles/1%2f2',
    '/v2/profiles/1;a=b',
    '/v2/profiles/1:2',
    '/v2/profiles/é',
    '/v2/profiles/1\u0000',
    `/v2/profiles/${'1'.repeat(65)}`,
  ]) {
    test(`[POL-02] has no route for ${JSON.stringify(path.slice(0, 30))}`, () => {
      expect(find(policy, 'GET', path)).toBeUndefined();
    });
  }

  test('[POL-01] finds exactly what comparing every route part by part finds', () => {
    const literal = fc.constantFrom('a', 'b', 'v2', 'v3', 'profiles', '2026Q3x');
    const segment = fc.oneof(literal, fc.constantFrom('{x}', '{y}'));
    const call = fc
      .tuple(fc.constantFrom(...routeMethods), literal, fc.array(segment, { maxLength: 3 }))
      .map(([method, first, rest]) => ({ method, segments: [first, ...rest.map(distinct)] }));
    const value = fc.oneof(
      literal,
      fc.constantFrom('7', '.', '..', '', 'A%20', '2026Q3', 'x'.repeat(64), 'x'.repeat(65)),
    );
    const path = fc.array(value, { maxLength: 5 }).map((parts) => `/${parts.join('/')}`);
    const method = fc.constantFrom(...routeMethods, 'HEAD', 'OPTIONS');
    fc.assert(
      fc.property(fc.array(call, { maxLength: 8 }), fc.array(path, { maxLength: 8 }), method, (calls, paths, asked) => {
        const usable = withoutCollisions(calls);
        const made = policyOf(usable.map((one) => `${one.method} /${one.segments.join('/')}`));
        for (const one of paths) expect([one, find(made, asked, one)]).toEqual([one, naiveFind(usable, asked, one)]);
      }),
    );
  });
});

interface Call {
  readonly method: RouteMethod;
  readonly segments: readonly string[];
}

/** The names in one path differ. */
function distinct(segment: string, index: number): string {
  return segment.startsWith('{') ? `{p${index}}` : segment;
}

/** Both spellings of a call; a calendar path takes the place of the version. */
function spellings({ segments }: Call): readonly (readonly string[])[] {
  const [first = '', ...rest] = segments;
  return /^v[23]$/.test(first) && rest.length > 0 ? [segments, ['2026Q3', ...rest]] : [segments];
}

function withoutCollisions(calls: readonly Call[]): readonly Call[] {
  const taken = new Set<string>();
  return calls.filter((call) => {
    const keys = spellings(call).map(
      (parts) => `${call.method} ${parts.map((part) => part.replace(/^\{.*/, '{}')).join('/')}`,
    );
    // That could be the playground, which is answered here.
    if (keys.some((key) => taken.has(key) || key.endsWith('2026Q3/{}/{}'))) return false;
    for (const key of keys) taken.add(key);
    return true;
  });
}

function naiveFind(calls: readonly Call[], method: string, path: string) {
  const parts = path.slice(1).split('/');
  const fits = (template: readonly string[]): boolean =>
    template.length === parts.length &&
    template.every((segment, index) => {
      const part = parts[index] ?? '';
      if (!segment.startsWith('{')) return segment === part;
      return /^[A-Za-z0-9_.~-]{1,64}$/.test(part) && part !== '.' && part !== '..';
    });
  const all = calls
    .flatMap((call) => spellings(call).map((template) => ({ call, template })))
    .filter((one) => fits(one.template));
  // A "0" for each part that is written out, a "1" for a parameter: the first in this order is the one that counts.
  const weight = (template: readonly string[]): string =>
    template.map((part) => (part.startsWith('{') ? '1' : '0')).join('');
  const best = all.map(({ template }) => weight(template)).toSorted()[0];
  const here = all.filter(({ template }) => weight(template) === best);
  if (here.length === 0) return undefined;
  const wanted = method === 'HEAD' ? 'GET' : method;
  const found = here.find(({ call }) => call.method === wanted);
  if (found === undefined) {
    const methods = here.map(({ call }) => call.method);
    return {
      allowed: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) =>
        methods.some((other) => other === one || (one === 'HEAD' && other === 'GET')),
      ),
    };
  }
  const { call, template } = found;
  const parameters = Object.fromEntries(
    template.flatMap((segment, index) => (segment.startsWith('{') ? [[segment.slice(1, -1), parts[index] ?? '']] : [])),
  );
  const legacy = call.segments.map((segment, index) => (segment.startsWith('{') ? parts[index] : segment));
  return { call: `${call.method} /${call.segments.join('/')}`, parameters, upstreamPath: `/${legacy.join('/')}` };
}
