import { describe, expect, test } from 'vitest';
import type { Refusal } from '../refusals/index.js';
import { someProfile, someTime } from '../testing/facts.js';
import { createProfileDirectory, type FoundProfile } from './profile-directory.js';

const away: Refusal = {
  refusal: 'upstream_unreachable',
  step: 'policy',
  expected: 'an answer of the upstream',
  seen: 'connect ECONNREFUSED',
};

/** A directory whose upstream answers what the test says, and notes what it was asked. */
function setUp({ maximumProfiles }: { readonly maximumProfiles?: number } = {}) {
  const time = { now: someTime };
  const asked: string[] = [];
  const upstream = { answer: async (id: string): Promise<FoundProfile> => someProfile({ id }) };
  const directory = createProfileDirectory({
    ask: (environment, id) => {
      asked.push(`${environment} ${id}`);
      return upstream.answer(id);
    },
    clock: () => time.now,
    ...(maximumProfiles === undefined ? {} : { maximumProfiles }),
  });
  return { time, asked, upstream, find: async (id = '1') => directory.find('sandbox', id, owner), directory };
}

const owner = someProfile().clientId ?? '';

describe('the profile directory', () => {
  test('gives what it remembers without a promise', async () => {
    const { directory, find } = setUp();
    expect(directory.find('sandbox', '1', owner)).toBeInstanceOf(Promise);
    await find();
    expect(directory.find('sandbox', '1', owner)).toEqual(someProfile({ id: '1' }));
  });

  test('believes a profile for 60 seconds from when it was asked, and asks again after that', async () => {
    const { time, asked, upstream, find } = setUp();
    upstream.answer = async (id) => {
      time.now += 1_000;
      return someProfile({ id });
    };
    await find();
    time.now = someTime + 59_999;
    await find();
    expect(asked).toHaveLength(1);
    time.now = someTime + 60_000;
    upstream.answer = async (id) => someProfile({ id, clientId: null });
    expect(await find()).toMatchObject({ clientId: null });
    expect(asked).toHaveLength(2);
  });

  test('believes for 2 seconds that there is none, and finds it when it was made meanwhile', async () => {
    const { time, asked, upstream, find } = setUp();
    upstream.answer = async () => 'unknown';
    expect(await find()).toBe('unknown');
    upstream.answer = async (id) => someProfile({ id });
    time.now += 1_999;
    expect(await find()).toBe('unknown');
    expect(asked).toHaveLength(1);
    time.now += 1;
    expect(await find()).toMatchObject({ id: '1' });
    // It is known now, and stays so.
    time.now += 59_999;
    expect(await find()).toMatchObject({ id: '1' });
    expect(asked).toHaveLength(2);
  });

  test('stops believing a profile that the upstream does not know any more', async () => {
    const { time, upstream, find } = setUp();
    await find();
    time.now += 60_000;
    upstream.answer = async () => 'unknown';
    expect(await find()).toBe('unknown');
    expect(await find()).toBe('unknown');
    time.now -= 30_000;
    expect(await find(), 'with the clock set back').toBe('unknown');
  });

  test('asks again after the clock was set back', async () => {
    const { time, asked, find } = setUp();
    await find();
    time.now -= 1;
    await find();
    expect(asked).toHaveLength(2);
  });

  test('asks once for all who want the same at the same time, and separately for each environment', async () => {
    const { asked, upstream, directory } = setUp();
    let answer = (_found: FoundProfile): void => undefined;
    upstream.answer = () => new Promise((resolve) => (answer = resolve));
    const all = [1, 2, 3].map(() => directory.find('sandbox', '1', owner));
    expect(asked).toEqual(['sandbox 1']);
    answer(someProfile({ id: '1' }));
    for (const found of all) expect(await found).toEqual(someProfile({ id: '1' }));
    upstream.answer = async () => 'unknown';
    expect(await directory.find('production', '1', owner)).toBe('unknown');
    expect(await directory.find('sandbox', '1', owner)).toEqual(someProfile({ id: '1' }));
    expect(asked).toEqual(['sandbox 1', 'production 1']);
  });

  test('remembers no refusal and no fault, and keeps what it knew until that is old', async () => {
    const { asked, time, upstream, find } = setUp();
    upstream.answer = async () => away;
    expect(await find()).toEqual(away);
    upstream.answer = () => Promise.reject(new Error('a bug'));
    await expect(find()).rejects.toThrow('a bug');
    upstream.answer = () => {
      throw new Error('a bug before the question');
    };
    await expect(find()).rejects.toThrow('before the question');
    upstream.answer = async (id) => someProfile({ id });
    expect(await find()).toEqual(someProfile({ id: '1' }));
    expect(asked).toHaveLength(4);

    upstream.answer = async () => away;
    time.now += 59_999;
    expect(await find()).toEqual(someProfile({ id: '1' }));
    time.now += 1;
    expect(await find()).toEqual(away);
  });

  test('holds so many profiles, those used last, and unknown ids push none of them out', async () => {
    const { asked, upstream, find } = setUp({ maximumProfiles: 2 });
    await find('1');
    await find('2');
    upstream.answer = async () => 'unknown';
    for (let id = 10; id < 20; id += 1) await find(String(id));
    asked.length = 0;
    await find('1');
    await find('2');
    expect(asked).toEqual([]);
    upstream.answer = async (id) => someProfile({ id });
    await find('3');
    await find('2');
    await find('1');
    expect(asked).toEqual(['sandbox 3', 'sandbox 1']);
  });

  test('holds a thousand ids that nobody has', async () => {
    const { asked, upstream, find } = setUp();
    upstream.answer = async () => 'unknown';
    for (let id = 1; id <= 1_001; id += 1) await find(String(id));
    asked.length = 0;
    await find('2');
    await find('1');
    expect(asked).toEqual(['sandbox 1']);
  });

  test('believes a profile of another client no longer than one that is unknown, so that time does not tell them apart', async () => {
    const { time, asked, directory, find } = setUp();
    await find();
    time.now += 1_999;
    expect(directory.find('sandbox', '1', 'cli_stranger')).toEqual(someProfile({ id: '1' }));
    time.now += 1;
    expect(directory.find('sandbox', '1', owner)).toEqual(someProfile({ id: '1' }));
    await directory.find('sandbox', '1', 'cli_stranger');
    expect(asked).toHaveLength(2);
  });
});
