import { parse } from 'node:querystring';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseProfileId } from './parse-profile-id.js';

const inPath = { in: 'path', name: 'profileId' } as const;
const inQuery = { in: 'query', name: 'profile', aliases: [], optional: false } as const;
const ofQuery = (query: string | undefined) => parseProfileId(inQuery, {}, query);
const ofValue = (value: string) => parseProfileId(inPath, { profileId: value }, undefined);

describe('the id of a profile', () => {
  for (const value of ['1', '77001234', '9223372036854775807']) {
    test(`may be ${value}`, () => {
      expect(ofValue(value)).toEqual({ ok: true, profileId: value });
      expect(ofQuery(`profile=${value}`)).toEqual({ ok: true, profileId: value });
    });
  }

  for (const value of ['0', '007', '-1', '1.0', '1e3', '0x1', 'abc', '9223372036854775808', '99999999999999999999']) {
    test(`may not be ${value}`, () => {
      expect(ofValue(value)).toMatchObject({ ok: false, problem: 'profile_malformed' });
      expect(ofQuery(`profile=${value}`)).toMatchObject({ ok: false, problem: 'profile_malformed' });
    });
  }

  test('comes from the path and not from the query where the route says so, and the other way round', () => {
    expect(parseProfileId(inPath, { profileId: '1' }, 'profileId=2')).toEqual({ ok: true, profileId: '1' });
    expect(parseProfileId(inQuery, { profile: '1' }, 'profile=2')).toEqual({ ok: true, profileId: '2' });
    expect(parseProfileId(inQuery, { profile: '1' }, undefined)).toMatchObject({ problem: 'profile_missing' });
  });
});

describe('a profile in the query', () => {
  for (const query of [
    'profile=1',
    'a=b&profile=1&c',
    'profile=1&',
    '&&profile=1',
    'profileId=2&profile=1',
    'x=profile&profile=1',
  ]) {
    test(`is read from ${query}`, () => {
      expect(ofQuery(query)).toEqual({ ok: true, profileId: '1' });
    });
  }

  for (const query of [undefined, '', 'a=b', 'profiles=1', 'profile', 'profile=', 'x=profile=1']) {
    test(`is missing in ${query ?? 'no query'}`, () => {
      expect(ofQuery(query)).toMatchObject({ ok: false, problem: 'profile_missing' });
    });
  }

  for (const query of [
    'profile=1&profile=2',
    'profile=1&profile=1',
    'profile=1&profile',
    'profile=1&pro%66ile=2',
    'profile=1&Profile=2',
    'profile=1&profile[]=2',
    'profile=1&profile%5B0%5D=2',
    'profile=1&profile.id=2',
    'profile=1&+profile=2',
    'profile=1&%20profile=2',
    'profile=1&profile%00=2',
    'profile=1;profile=2',
    'x=1;profile=2&profile=1',
  ]) {
    test(`is there twice for some reader of ${query}`, () => {
      expect(ofQuery(query)).toMatchObject({ ok: false, problem: 'parameter_repeated' });
    });
  }

  for (const query of [
    'profile=%31',
    'profile=+1',
    'profile=1%00',
    'pro%66ile=1',
    'PROFILE=1',
    'profile[]=1',
    'profile=1=2',
    'profile=1;x=2',
    'x=2;profile=1',
    'profile=1;',
    'profile=１',
  ]) {
    test(`is refused in the spelling ${query}`, () => {
      expect(ofQuery(query)).toMatchObject({ ok: false, problem: 'profile_malformed' });
    });
  }

  const byTwoNames = { in: 'query', name: 'profileId', aliases: ['profile'], optional: true } as const;

  for (const query of ['profileId=1', 'profile=1', 'profiles=2&profile=1', 'x=1&profileId=1']) {
    test(`[POL-25] that has two names is read by either, as in ${query}`, () => {
      expect(parseProfileId(byTwoNames, {}, query)).toEqual({ ok: true, profileId: '1' });
    });
  }

  for (const query of [
    'profileId=1&profile=1',
    'profile=1&profileId=2',
    'profile=1&PROFILEID=2',
    'profileId[]=1;profile',
  ]) {
    test(`[POL-25] that has two names is there twice in ${query}`, () => {
      const parameter = 'profileId or profile';
      expect(parseProfileId(byTwoNames, {}, query)).toMatchObject({ problem: 'parameter_repeated', parameter });
    });
  }

  for (const [query, problem, parameter] of [
    ['profile=', 'profile_missing', 'profile'],
    ['profileId', 'profile_missing', 'profileId'],
    ['profile=x', 'profile_malformed', 'profile'],
    ['Profile=1', 'profile_malformed', 'profile'],
    ['a;profileId=1', 'profile_malformed', 'profileId'],
  ] as const) {
    test(`[POL-25] that may be left out is there in ${query}, and refused as any other`, () => {
      expect(parseProfileId(byTwoNames, {}, query)).toMatchObject({ ok: false, problem, parameter });
    });
  }

  test('[POL-25] that may be left out is none without a piece that anybody could take for it', () => {
    for (const query of [undefined, '', '&', 'a=b', 'profiles=1', 'x=profile', 'profile_id=1']) {
      expect(parseProfileId(byTwoNames, {}, query), query).toEqual({ ok: true, profileId: null });
    }
    expect(parseProfileId({ ...byTwoNames, optional: false }, {}, 'a=b')).toMatchObject({
      problem: 'profile_missing',
      parameter: 'profileId',
    });
  });

  test('[POL-22] that is admitted is the one that other readers find, and the only one', () => {
    const text = fc.stringMatching(/^[a-zA-Z0-9%&;=+[\].?]{0,12}$/);
    const piece = fc.oneof(
      text,
      fc.constantFrom('profile=5', 'profile=6', 'Profile=7', 'pro%66ile=8', 'profile', '&', ';'),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const query = pieces.join('&');
        const parsed = ofQuery(query);
        if (!parsed.ok) return;
        expect(new URLSearchParams(query).getAll('profile')).toEqual([parsed.profileId]);
        expect(parse(query)['profile']).toBe(parsed.profileId);
        expect(new URLSearchParams(query.replaceAll(';', '&')).getAll('profile')).toEqual([parsed.profileId]);
      }),
      { numRuns: 2_000, examples: [[['profile=5']]] },
    );
  });
});
