// Who gets what at the routes that are forwarded: by hand from the contract (which token may call what, what strong
// authentication protects and where, which calls need no token) and our decisions about profiles, never from the policy.

import { type BearerCaller, bearer, type Outcome } from './access-matrix.js';

/** Where they knock. The last one is production with the setting unsafeNoSca. */
export const places = ['sandbox', 'production', 'production without strong authentication'] as const;
export type Place = (typeof places)[number];

/** Who may knock besides the callers of every route that wants a token. */
export const profileCallers = [
  'embedded model: for a profile of its own',
  'embedded model: for a profile of its own, in a country of strong authentication',
  'embedded model: for a profile of another client',
  'embedded model: for a profile that no client made',
  'embedded model: for a profile that does not exist',
  'embedded model: for a profile in another spelling',
  'embedded model: for no profile',
  'embedded model: for two profiles',
  'no embedded model: for a profile of its own',
  'strong authentication switched off: for a profile of its own, in a country of it',
] as const;
export type ProfileCaller = (typeof profileCallers)[number];

export type ForwardedCaller = BearerCaller | ProfileCaller;

/** A caller that is left out can not be there. */
export type ForwardedRow = Readonly<Partial<Record<ForwardedCaller, Outcome | undefined>>>;

export interface ForwardedRoute {
  readonly row: (place: Place) => ForwardedRow;
  /** The parameter of the query that names the profile. */
  readonly profileInQuery?: string;
  readonly only?: 'sandbox';
}

const modelOff: Outcome = [403, 'embedded_model_off'];
const foreign: Outcome = [403, 'profile_not_accessible'];
const needsSca: Outcome = [403, 'sca_not_available'];

/** Any client. */
const application: ForwardedRow = { ...bearer, 'embedded model: for no profile': 200 };

/** Any client, and whoever says nothing of who it is. A token that is sent is judged all the same. */
const anybody: ForwardedRow = {
  ...application,
  nobody: 200,
  'a token in the query only': [400, 'token_in_query'],
};

/** Clients with the embedded model. */
const embedded: ForwardedRow = {
  ...bearer,
  'a bound token with its certificate': modelOff,
  'a bound token of a replaced secret': modelOff,
  'mutual TLS off: an unbound token on the api listener': modelOff,
  'mutual TLS off: an unbound token on the mutual TLS listener': modelOff,
  'mutual TLS off: an unbound token with a registered certificate': modelOff,
  'mutual TLS off: a bound token with its certificate': modelOff,
  'no embedded model: for a profile of its own': modelOff,
  'embedded model: for no profile': 200,
};

/** The same, for profiles that they made. Who asks for another learns nothing of it. */
const profileInPath: ForwardedRow = {
  ...embedded,
  'embedded model: for a profile of its own': 200,
  'embedded model: for a profile of its own, in a country of strong authentication': 200,
  'embedded model: for a profile of another client': foreign,
  'embedded model: for a profile that no client made': foreign,
  'embedded model: for a profile that does not exist': foreign,
  'embedded model: for a profile in another spelling': [400, 'profile_malformed'],
  'embedded model: for no profile': undefined,
  'strong authentication switched off: for a profile of its own, in a country of it': 200,
};

/** A list, which may be of all that the caller may see. */
const profileInQuery: ForwardedRow = {
  ...profileInPath,
  'embedded model: for no profile': 200,
  'embedded model: for two profiles': [400, 'parameter_repeated'],
};

/** What needs strong authentication, which nobody can give yet: refused in its countries, unless it is switched off. */
const withSca: Readonly<Record<Place, ForwardedRow>> = {
  sandbox: {
    ...profileInPath,
    'embedded model: for a profile of its own, in a country of strong authentication': needsSca,
  },
  production: {
    ...profileInPath,
    'embedded model: for a profile of its own, in a country of strong authentication': needsSca,
  },
  'production without strong authentication': profileInPath,
};

const wrongKind: Outcome = [403, 'token_kind_not_allowed'];

/** Users alone: their tokens are not there yet, so nobody gets in. */
const users: ForwardedRow = {
  ...bearer,
  'a bound token with its certificate': wrongKind,
  'a bound token of a replaced secret': wrongKind,
  'mutual TLS off: an unbound token on the api listener': wrongKind,
  'mutual TLS off: an unbound token on the mutual TLS listener': wrongKind,
  'mutual TLS off: an unbound token with a registered certificate': wrongKind,
  'mutual TLS off: a bound token with its certificate': wrongKind,
  'embedded model: for no profile': wrongKind,
};

const forApplications = { row: () => application };
const forAnybody = { row: () => anybody };
const forEmbedded = { row: () => embedded };
const forProfile = { row: () => profileInPath };
const forScaProfile = { row: (place: Place) => withSca[place] };
const sandboxOnly = 'sandbox' as const;

/** By method and path without the version: the version of the legacy path, and who gets what. */
const routes: readonly (readonly [method: string, version: string, path: string, route: ForwardedRoute])[] = [
  ['GET', 'v2', '/profiles', forEmbedded],
  ['GET', 'v2', '/profiles/{profileId}', forProfile],
  ['POST', 'v2', '/profiles/personal-profile', forEmbedded],
  ['POST', 'v3', '/profiles/business-profile', forEmbedded],

  ['POST', 'v3', '/quotes', forAnybody],
  ['POST', 'v3', '/profiles/{profileId}/quotes', forProfile],
  ['GET', 'v3', '/profiles/{profileId}/quotes/{quoteId}', forProfile],
  ['PATCH', 'v3', '/profiles/{profileId}/quotes/{quoteId}', forProfile],

  ['POST', 'v1', '/accounts', forEmbedded],
  ['GET', 'v2', '/accounts', { row: () => profileInQuery, profileInQuery: 'profileId' }],
  ['GET', 'v2', '/accounts/{accountId}', forEmbedded],
  ['DELETE', 'v2', '/accounts/{accountId}', forEmbedded],
  ['GET', 'v1', '/quotes/{quoteId}/account-requirements', forEmbedded],
  ['POST', 'v1', '/quotes/{quoteId}/account-requirements', forEmbedded],

  ['POST', 'v1', '/transfers', forEmbedded],
  ['GET', 'v1', '/transfers', { row: () => profileInQuery, profileInQuery: 'profile' }],
  ['GET', 'v1', '/transfers/{transferId}', forEmbedded],
  ['PUT', 'v1', '/transfers/{transferId}/cancel', forEmbedded],
  ['POST', 'v1', '/transfer-requirements', forEmbedded],
  ['POST', 'v3', '/profiles/{profileId}/transfers/{transferId}/payments', forScaProfile],

  ['POST', 'v4', '/profiles/{profileId}/balances', forProfile],
  ['GET', 'v4', '/profiles/{profileId}/balances', forProfile],
  ['GET', 'v4', '/profiles/{profileId}/balances/{balanceId}', forProfile],
  ['DELETE', 'v4', '/profiles/{profileId}/balances/{balanceId}', forProfile],
  ['POST', 'v2', '/profiles/{profileId}/balance-movements', forProfile],
  ['GET', 'v1', '/profiles/{profileId}/balance-statements/{balanceId}/statement.json', forScaProfile],
  ['GET', 'v1', '/profiles/{profileId}/balance-statements/{balanceId}/statement.csv', forScaProfile],

  ['GET', 'v1', '/rates', forApplications],
  ['GET', 'v1', '/currencies', forAnybody],

  ['GET', 'v1', '/simulation/transfers/{transferId}/{status}', { ...forEmbedded, only: sandboxOnly }],
  ['POST', 'v1', '/simulation/balance/topup', { ...forEmbedded, only: sandboxOnly }],
  ['POST', 'v1', '/simulation/verify-profile', { row: () => users, only: sandboxOnly }],
];

/** By method and path. The calendar path of a route answers as its legacy path does. */
export const forwardedAccess: Readonly<Record<string, ForwardedRoute>> = {
  ...Object.fromEntries(
    routes.flatMap(([method, version, path, route]) => [
      [`${method} /${version}${path}`, route],
      [`${method} /2026Q3${path}`, route],
    ]),
  ),
  // The calendar paths of these are those of version 2.
  'GET /v1/profiles': forEmbedded,
  'GET /v1/accounts/{accountId}': forEmbedded,
};
