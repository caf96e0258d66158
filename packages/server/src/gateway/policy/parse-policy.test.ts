import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePolicy } from './parse-policy.js';
import type { RoutePolicy } from './policy.js';

const good = `version: 1
countries:
  baltic: [EE, LV, LT]
rates:
  slow: { perSecond: 1, perMinute: 2 }
upstreams:
  money: {}
  cards:
    url: https://cards.internal:8443/base/
    caFile: /etc/cards-ca.pem
    requestHeaders: [X-Tenant]
    connectSeconds: 1
    answerSeconds: 2
    idleSeconds: 3
    maximumConnections: 4
profiles:
  upstream: money
  path: /internal/profiles/{profileId}
defaults:
  upstream: money
routes:
  POST /v3/profiles/{profileId}/quotes:
    summary: Quote
    tokens: [embedded, user]
    profile: path.profileId
    personalCountries: baltic
    sca: { level: high, countries: baltic }
    rate: slow
    maximumBodyBytes: 0
    request: QuoteRequest
    answer: Quote
    answerStatus: 201
  GET /v1/cards:
    summary: Cards
    tokens: [client_credentials]
    anonymous: true
    upstream: cards
    calendar: false
    scope: transfers
    jose: none
  GET /plain:
    summary: Without a version
    tokens: [personal]
    environments: [sandbox]
`;

function parse(text: string) {
  return parsePolicy(text, 'policy.yaml', 'sandbox');
}

function problemsOf(text: string): readonly string[] {
  const decision = parse(text);
  return decision.ok ? [] : decision.problems;
}

describe('a policy', () => {
  test('[POL-03] reads as it is written, with what is left out as documented', () => {
    const decision = parse(good);
    if (!decision.ok) throw new Error(decision.problems.join('\n'));
    const { upstreams, profiles, routes } = decision.policy;
    expect(upstreams.get('money')).toEqual({
      name: 'money',
      url: undefined,
      caFile: undefined,
      requestHeaders: [],
      connectSeconds: 5,
      answerSeconds: 30,
      idleSeconds: 30,
      maximumConnections: 2000,
    });
    expect(upstreams.get('cards')).toEqual({
      name: 'cards',
      url: 'https://cards.internal:8443/base',
      caFile: { path: '/etc/cards-ca.pem', place: 'policy.yaml:10:13' },
      requestHeaders: ['x-tenant'],
      connectSeconds: 1,
      answerSeconds: 2,
      idleSeconds: 3,
      maximumConnections: 4,
    });
    expect(profiles).toEqual({ upstream: 'money', path: '/internal/profiles/{profileId}' });
    const baltic = new Set(['EE', 'LV', 'LT']);
    const [quote, cards, plain] = routes;
    expect(quote).toEqual({
      method: 'POST',
      path: '/v3/profiles/{profileId}/quotes',
      calendarPath: '/2026Q3/profiles/{profileId}/quotes',
      summary: 'Quote',
      tokens: new Set(['embedded', 'user']),
      anonymous: false,
      profile: { in: 'path', name: 'profileId' },
      personalCountries: baltic,
      sca: { level: 'high', countries: baltic },
      rateClass: { name: 'slow', limits: { perSecond: 1, perMinute: 2 } },
      scope: 'transfers',
      jose: 'none',
      upstream: 'money',
      maximumBodyBytes: 0,
      requestSchema: 'QuoteRequest',
      answerSchema: 'Quote',
      answerStatus: 201,
    } satisfies RoutePolicy);
    expect(cards).toMatchObject({ upstream: 'cards', calendarPath: null, anonymous: true, profile: null, sca: null });
    expect(cards).toMatchObject({
      maximumBodyBytes: 1_048_576,
      requestSchema: null,
      answerSchema: null,
      answerStatus: 200,
    });
    expect(plain).toMatchObject({ path: '/plain', calendarPath: null, rateClass: null, personalCountries: null });
  });

  for (const [written, profile] of [
    ['path.id', { in: 'path', name: 'id' }],
    ['query.id', { in: 'query', name: 'id', aliases: [], optional: false }],
    ['{ query: [id] }', { in: 'query', name: 'id', aliases: [], optional: false }],
    [
      '{ query: [id, profile_id, other-id], optional: true }',
      { in: 'query', name: 'id', aliases: ['profile_id', 'other-id'], optional: true },
    ],
  ] as const) {
    test(`[POL-25] a profile is named as ${written}`, () => {
      const head = "version: 1\nupstreams: { a: }\nprofiles: { upstream: a, path: '/i/{profileId}' }\nroutes:\n";
      const decision = parse(
        `${head}  GET /x/{id}: { summary: x, upstream: a, tokens: [user], profile: ${written} }\n`,
      );
      expect(decision).toMatchObject({ ok: true, policy: { routes: [{ profile }] } });
    });
  }

  test('routes that are limited to the other environment are left out, and judged all the same', () => {
    const production = parsePolicy(good, 'policy.yaml', 'production');
    expect(production.ok && production.policy.routes.map(({ path }) => path)).not.toContain('/plain');
    const wrong = parsePolicy(good.replace('tokens: [personal]', 'tokens: [persona]'), 'policy.yaml', 'production');
    expect(wrong.ok).toBe(false);
  });

  test('"defaults" name tokens, upstream and size of a body for routes that do not', () => {
    const decision = parse(
      'version: 1\nupstreams: { a: , b: }\ndefaults: { upstream: a, tokens: [user], maximumBodyBytes: 7 }\nroutes:\n' +
        '  GET /x: { summary: x }\n  GET /y: { summary: y, upstream: b, tokens: [personal], maximumBodyBytes: 8 }\n',
    );
    if (!decision.ok) throw new Error(decision.problems.join('\n'));
    const [x, y] = decision.policy.routes;
    expect(x).toMatchObject({ upstream: 'a', tokens: new Set(['user']), maximumBodyBytes: 7 });
    expect(y).toMatchObject({ upstream: 'b', tokens: new Set(['personal']), maximumBodyBytes: 8 });
  });

  test('[POL-04] everything that is wrong is said at once, in the order of the file', () => {
    const text = good
      .replace('version: 1', 'version: 2')
      .replace('summary: Quote', 'sumary: Quote')
      .replace('[client_credentials]', '[clientcredentials]');
    expect(problemsOf(text)).toEqual([
      'policy.yaml:1:10: this program reads policies of version 1, and this one is 2',
      'policy.yaml:22:3: "POST /v3/profiles/{profileId}/quotes" needs "summary"',
      'policy.yaml:23:5: there is no key "sumary"; did you mean "summary"',
      'policy.yaml:35:14: "clientcredentials" can not be in "tokens"; did you mean "client_credentials"',
    ]);
  });

  /** What is changed in the good policy, into what, and where it is said how. */
  const rows: readonly (readonly [from: string, to: string, place: string, says: RegExp])[] = [
    ['version: 1\n', '', '1:1', /needs "version"/],
    ['version: 1', 'version: one', '1:10', /"version" must be a whole number/],
    ['countries:\n', 'countrys:\n', '2:1', /no key "countrys"; did you mean "countries"/],
    ['[EE, LV, LT]', '[EE, Lv]', '3:16', /"Lv" .+ two capital letters/],
    ['[EE, LV, LT]', '[EE, EE]', '3:16', /"EE" is here for the second time/],
    ['[EE, LV, LT]', 'EE', '3:11', /"baltic" must be a list/],
    ['[EE, LV, LT]', '[EE, true]', '3:16', /: an entry of "baltic" must be a text: put it in quotes, "true"$/],
    ['  slow:', '  Slow Ones:', '5:3', /"Slow Ones" is no name/],
    ['perSecond: 1', 'perSecond: 0', '5:22', /"perSecond" must be a whole number from 1/],
    ['perSecond: 1', 'perSecond: 1.5', '5:22', /"perSecond" must be a whole number/],
    ['perSecond: 1', 'perSecond: "1"', '5:22', /"perSecond" must be a whole number/],
    ['perSecond: 1, ', '', '5:3', /"slow" needs "perSecond"/],
    ['  money: {}\n', '  money: {}\n  money: {}\n', '8:3', /"money" is here for the second time/],
    ['https://cards', 'https://me:secret@cards', '9:10', /"url" must have no user and password/],
    ['/base/', '/base?x=1', '9:10', /"url" must end before "\?"/],
    ['/base/', '/base?', '9:10', /"url" must end before "\?"/],
    ['/base/', '#x', '9:10', /"url" must end before "\?" and "#"/],
    ['https://cards', 'ftp://cards', '9:10', /"url" must begin with http/],
    ['https://cards.internal:8443/base/', 'cards', '9:10', /"url" must be a URL/],
    ['https://cards', 'http://cards', '10:13', /"caFile" is for an https url/],
    ['/etc/cards-ca.pem', 'cards-ca.pem', '10:13', /"caFile" must be a whole path/],
    ['[X-Tenant]', '[Authorization]', '11:22', /"authorization" is never passed on/],
    ['[X-Tenant]', '[x-forwarded-for]', '11:22', /"x-forwarded-for" is never passed on/],
    ['[X-Tenant]', '[tollward-assertion]', '11:22', /"tollward-assertion" is never passed on/],
    ['[X-Tenant]', '[transfer-encoding]', '11:22', /"transfer-encoding" is never passed on/],
    ['[X-Tenant]', '[x_tenant]', '11:22', /a header has letters, digits and "-"/],
    ['[X-Tenant]', '[x-a, X-A]', '11:27', /"x-a" is here for the second time/],
    ['connectSeconds: 1', 'connectSeconds: 0', '12:21', /"connectSeconds" must be a whole number from 1/],
    [
      '  upstream: money\n  path',
      '  upstream: mony\n  path',
      '17:13',
      /no "mony" in "upstreams"; did you mean "money"/,
    ],
    ['/internal/profiles/{profileId}', '/internal/profiles', '18:9', /must have one parameter, "\{profileId\}"/],
    ['/internal/profiles/{profileId}', 'internal', '18:9', /a path begins with "\/"/],
    ['defaults:\n  upstream: money', 'defaults:\n  upstream: coins', '20:13', /no "coins" in "upstreams"; add it/],
    ['defaults:\n  upstream: money', 'defaults:', '21:3', /needs "upstream", or "defaults"/],
    ['POST /v3', 'Post /v3', '22:3', /"Post" is no method/],
    ['GET /plain', 'HEAD /plain', '41:3', /HEAD is served where GET is/],
    ['GET /plain', 'GET/plain', '41:3', /is no route; write a method and a path/],
    ['GET /plain', 'GET plain', '41:3', /a path begins with "\/"/],
    ['GET /plain', 'GET /plain/', '41:3', /no empty part/],
    ['GET /plain', 'GET /pl//ain', '41:3', /no empty part/],
    ['GET /plain', 'GET /plain/..', '41:3', /"\.\." is no part of a path/],
    ['GET /plain', 'GET /pl%61in', '41:3', /characters that a path can not have/],
    ['GET /plain', 'GET /plain/{a}.json', '41:3', /a parameter is a whole part/],
    ['GET /plain', 'GET /plain/{a}/{a}', '41:3', /"\{a\}" is in the path twice/],
    ['GET /plain', 'GET /{any}', '41:3', /its first part must be written out/],
    ['GET /plain', 'GET /2026Q3/plain', '41:3', /paths of 2026Q3 are made from the legacy ones/],
    ['GET /plain', 'GET /oauth/authorize', '41:3', /Tollward itself answers below \/oauth\//],
    ['GET /plain', 'GET /v1/oauth/token', '41:3', /Tollward itself answers below \/2026Q3\/oauth\//],
    ['GET /plain', 'GET /.well-known/x', '41:3', /Tollward itself answers below \/\.well-known\//],
    ['GET /plain', 'GET /openapi.json', '41:3', /Tollward itself answers \/openapi\.json/],
    ['GET /plain', 'GET /v1/{a}/playground', '41:3', /Tollward itself answers \/v1\/authenticated\/playground/],
    ['GET /plain', 'GET /v2/authenticated/{a}', '41:3', /answers \/2026Q3\/authenticated\/playground/],
    ['GET /plain', 'GET /internal/{a}/{b}', '41:3', /would let partners reach the path on which "profiles" are asked/],
    [
      'GET /plain',
      'POST /v3/profiles/{id}/quotes',
      '41:3',
      /is the same call as "POST \/v3\/profiles\/\{profileId\}\/quotes"/,
    ],
    ['GET /plain', 'POST /v2/profiles/{id}/quotes', '41:3', /have the same calendar path/],
    ['tokens: [embedded, user]', 'tokens: []', '24:13', /"tokens" must name who may call/],
    ['    tokens: [embedded, user]\n', '', '22:3', /needs "tokens", or "defaults"/],
    ['[embedded, user]', '[embedded, client_credentials]', '24:13', /leave out "embedded"/],
    ['[embedded, user]', '[client_credentials]', '24:5', /a client without the embedded model has no profiles/],
    ['profile: path.profileId', 'profile: path.profile', '25:14', /no "\{profile\}" in the path/],
    ['profile: path.profileId', 'profile: body.profile', '25:14', /write path\.NAME, query\.NAME or \{ query:/],
    ['profile: path.profileId', 'profile: [profileId]', '25:14', /"profile" must be a text/],
    ['profile: path.profileId', 'profile: { optional: true }', '25:5', /"profile" needs "query"/],
    ['profile: path.profileId', 'profile: { query: [] }', '25:14', /"profile" must name its parameter/],
    ['profile: path.profileId', 'profile: { query: profile }', '25:23', /"query" must be a list/],
    ['profile: path.profileId', 'profile: { query: [a b] }', '25:24', /a parameter has letters, digits/],
    ['profile: path.profileId', 'profile: { query: [id, ID] }', '25:28', /"ID" is here for the second time/],
    ['profile: path.profileId', 'profile: { path: [id] }', '25:16', /there is no key "path"/],
    ['profile: path.profileId', 'profile: { query: [id], optional: 1 }', '25:39', /"optional" must be true or false/],
    [
      'profile: path.profileId',
      'profile: { query: [id], optional: true }',
      '26:5',
      /"personalCountries" needs a "profile" that is not optional/,
    ],
    [
      'profile: path.profileId',
      'profile: { query: [id], optional: true }',
      '27:5',
      /"sca" needs a "profile" that is not optional/,
    ],
    ['    profile: path.profileId\n', '', '25:5', /"personalCountries" needs "profile"/],
    ['    profile: path.profileId\n', '', '26:5', /"sca" needs "profile"/],
    ['profile: path.profileId', 'anonymous: true\n    profile: path.profileId', '25:5', /can not be called by nobody/],
    ['personalCountries: baltic', 'personalCountries: nordic', '26:24', /no "nordic" in "countries"/],
    ['level: high', 'level: strong', '27:19', /"level" can not be "strong"; there is low, high$/],
    ['level: high, ', '', '27:5', /"sca" needs "level"/],
    ['countries: baltic }', 'countries: balti }', '27:36', /no "balti" in "countries"; did you mean "baltic"/],
    ['sca: { level: high, countries: baltic }', 'sca: high', '27:10', /"sca" must be a map/],
    ['rate: slow', 'rate: slo', '28:11', /no "slo" in "rates"; did you mean "slow"/],
    ['maximumBodyBytes: 0', 'maximumBodyBytes: -1', '29:23', /"maximumBodyBytes" must be a whole number from 0/],
    ['request: QuoteRequest', 'request: quote request', '30:14', /a schema is named in letters and digits/],
    ['answerStatus: 201', 'answerStatus: 404', '32:19', /"answerStatus" must be a whole number from 200 to 299/],
    ['anonymous: true', 'anonymous: yes', '36:16', /"anonymous" must be true or false/],
    ['upstream: cards', 'upstream: card', '37:15', /no "card" in "upstreams"; did you mean "cards"/],
    ['scope: transfers', 'scope: cards', '39:12', /"scope" can not be "cards"/],
    ['jose: none', 'jose: jws', '40:11', /"jose" can only be none: this version has no message signing/],
    [
      'environments: [sandbox]',
      'environments: [sandbx]',
      '44:20',
      /: "sandbx" can not be in "environments"; did you mean "sandbox"$/,
    ],
    ['summary: Without a version', 'summary:', '42:13', /"summary" must be a text/],
    ['  path: /internal/profiles/{profileId}\n', '', '16:1', /"profiles" needs "path"/],
  ];
  for (const [from, to, place, says] of rows) {
    test(`[POL-04] names the line and the reason of ${JSON.stringify(from)} as ${JSON.stringify(to)}`, () => {
      expect(good.split(from).length, 'is changed in one place').toBe(2);
      const problems = problemsOf(good.replace(from, () => to));
      const there = problems.filter((problem) => problem.startsWith(`policy.yaml:${place}: `));
      expect(there, problems.join('\n')).toEqual(expect.arrayContaining([expect.stringMatching(says)]));
    });
  }

  test('needs to know where profiles are asked for, as soon as a route is about one', () => {
    const problems = problemsOf(good.replace(/profiles:\n {2}upstream: money\n {2}path: .*\n/, ''));
    expect(problems).toEqual([
      expect.stringMatching(/:21:5: "embedded" needs "profiles"/),
      expect.stringMatching(/:22:5: "profile" needs "profiles"/),
    ]);
  });

  for (const [from, place] of [
    ['profiles:\n  upstream: money', '17:13'],
    ['defaults:\n  upstream: money', '20:13'],
    ['    upstream: cards', '37:15'],
  ] as const) {
    test(`tells once that the upstream at ${place} is no text`, () => {
      const problems = problemsOf(good.replace(from, from.replace(/\w+$/, '5')));
      const there = problems.filter((problem) => problem.startsWith(`policy.yaml:${place}: `));
      expect(there).toEqual([`policy.yaml:${place}: "upstream" must be a text: put it in quotes, "5"`]);
    });
  }

  test('repeats no password of a url', () => {
    const text = good.replace('https://cards', 'https://me:hidden-word@cards');
    expect(problemsOf(text).join()).not.toContain('hidden-word');
  });

  for (const [name, text, place, says] of [
    ['nothing', '', '1:1', /the file is empty/],
    ['comments only', '# later\n', '1:1', /the file is empty/],
    ['a list', '- 1\n', '1:1', /"the policy" must be a map/],
    ['an anchor', 'version: 1\nrates: &a {}\n', '2:11', /no anchors/],
    ['an alias', 'version: 1\nroutes: *a\n', '2:9', /no aliases/],
    ['a merge key', 'version: 1\nroutes: {}\n<<: { upstreams: {} }\n', '3:1', /there is no key "<<"/],
    ['a tag', 'version: !!int 1\n', '1:16', /no tags/],
    ['a tag of its own', 'version: !thing 1\n', '1:10', /nresolved tag/],
    ['a directive', '%YAML 1.1\n---\nversion: 1\n', '1:1', /no "%" directives/],
    ['two documents', 'version: 1\n---\nversion: 1\n', '2:1', /one document/],
    ['an open list', 'version: 1\nroutes: [\n', '3:1', /this is not YAML/],
    ['a tab', 'version:\n\t- 1\n', '2:1', /this is not YAML/],
    ['braces without quotes', 'version: 1\nprofiles: { path: /a/{b} }\n', '2:22', /has to be in quotes/],
    ['a key that is a list', 'version: 1\n? [a]\n: 1\n', '2:3', /this is not YAML/],
    ['too many bytes', `version: 1\n# ${'é'.repeat(524_288)}\n`, '1:1', /at most 1 MiB/],
    ['lists in lists', `version: ${'['.repeat(20_000)}`, '1:1', /nested too deeply/],
    ['lists in lists in lines', `version:\n ${'- '.repeat(20_000)}`, '1:1', /nested too deeply/],
    ['maps as keys', `${'? '.repeat(20_000)}`, '1:1', /nested too deeply/],
  ] as const) {
    test(`[POL-05] refuses a file with ${name}, and says where`, () => {
      const [problem] = problemsOf(text);
      expect(problem).toMatch(new RegExp(`^policy\\.yaml:${place}: `));
      expect(problem).toMatch(says);
    });
  }

  test('of very many problems the first hundred are shown, and how many more there are', () => {
    const problems = problemsOf(`version: 1\nroutes: {}\n${'x: 1\n'.repeat(150)}`);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toBe('policy.yaml:103:1: and 50 more');
  });

  test('shows nothing of the file that a terminal would obey', () => {
    expect(problemsOf('version: 1\nroutes: {}\n"\\e[2J": 1\n').join()).not.toMatch(/\p{C}/u);
  });

  test('[POL-05] whatever the text is, it is a policy or a list of problems, each with its place', () => {
    const piece = fc.oneof(
      fc.constantFrom(...good.split('\n')),
      fc.constantFrom(
        '&a',
        '*a',
        '!!x',
        '{',
        '}',
        '[',
        ']',
        '- ',
        '? ',
        ': ',
        '\t',
        '%YAML 1.1',
        '---',
        '<<: *a',
        '|',
        '"',
        "'",
      ),
      fc.string({ maxLength: 12, unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.constantFrom('\n', ' ', ''), (pieces, between) => {
        const decision = parse(pieces.join(between));
        if (decision.ok) return;
        expect(decision.problems.length).toBeGreaterThan(0);
        for (const problem of decision.problems) expect(problem).toMatch(/^policy\.yaml:[1-9]\d*:[1-9]\d*: \S/);
      }),
    );
  });
});
