import type { Policy, RoutePolicy } from '@tollward/server/documents';
import { code, renderTable } from './markdown.js';

export interface ShippedPolicies {
  readonly sandbox: Pick<Policy, 'routes'>;
  readonly production: Pick<Policy, 'routes'>;
}

/** docs/generated/policy.md: what the policy that comes with the program lets through. */
export function renderPolicy({ sandbox, production }: ShippedPolicies): string {
  const inProduction = new Set(production.routes.map(callOf));
  const rows = sandbox.routes.map((route) => [
    code(callOf(route)),
    route.calendarPath === null ? 'none' : code(route.calendarPath),
    [...route.tokens, ...(route.anonymous ? ['nobody'] : [])].join(', '),
    describeProfile(route),
    route.sca?.level ?? '',
    route.rateClass?.name ?? '',
    `${route.summary}.${inProduction.has(callOf(route)) ? '' : ' Sandbox only.'}`,
  ]);
  return [
    '# Route policy',
    '',
    'Written by `npm run generate` from `packages/server/policy/default.yaml`, the policy that comes with the program. The file',
    'says how a policy is written; `tollward policy explain METHOD PATH` tells of one call, step by step, what is asked and how',
    'each refusal is called. A call that is not listed is refused as `route_unknown`.',
    '',
    'Who may call: `client_credentials` is a token of any client, `embedded` one of a client with the embedded model switched on,',
    'for profiles that it made, and `nobody` a call without a token. User and personal tokens are not issued yet. GET routes',
    'answer HEAD, too.',
    '',
    renderTable(['Call', 'Calendar path', 'Who may call', 'Profile', 'SCA', 'Rate', 'What it is for'], rows),
    '',
    ...renderCountries('Strong customer authentication is asked for profiles of', sandbox, ({ sca }) => sca?.countries),
    ...renderCountries(
      'Personal tokens are taken for profiles of no other country than',
      sandbox,
      ({ personalCountries }) => personalCountries ?? undefined,
    ),
    ...renderRates(sandbox),
  ].join('\n');
}

function describeProfile({ profile }: RoutePolicy): string {
  if (profile === null) return '';
  if (profile.in === 'path') return `${profile.name} in the path`;
  const names = [profile.name, ...profile.aliases].join(' or ');
  return `${names} in the query${profile.optional ? ', may be left out' : ''}`;
}

function callOf({ method, path }: RoutePolicy): string {
  return `${method} ${path}`;
}

/** One paragraph for each list of countries, with the calls it holds for. */
function renderCountries(
  says: string,
  { routes }: Pick<Policy, 'routes'>,
  countriesOf: (route: RoutePolicy) => ReadonlySet<string> | undefined,
): readonly string[] {
  const calls = new Map<string, string[]>();
  for (const route of routes) {
    const countries = countriesOf(route);
    if (countries === undefined) continue;
    const list = [...countries].join(', ');
    calls.set(list, [...(calls.get(list) ?? []), code(callOf(route))]);
  }
  return [...calls].flatMap(([list, names]) => [`${says} ${list}: ${names.join(', ')}.`, '']);
}

function renderRates({ routes }: Pick<Policy, 'routes'>): readonly string[] {
  const classes = new Map(
    routes.flatMap(({ rateClass }) => (rateClass === null ? [] : [[rateClass.name, rateClass.limits]])),
  );
  if (classes.size === 0) return [];
  const rows = [...classes].map(([name, { perSecond, perMinute }]) => [name, String(perSecond), String(perMinute)]);
  return [renderTable(['Rate', 'Calls of a client in a second', 'In a minute'], rows), ''];
}
