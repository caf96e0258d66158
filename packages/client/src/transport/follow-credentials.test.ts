import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { ClientClosedError, ConfigurationError } from '../errors.js';
import type { ClientEvent, MtlsOptions } from '../options.js';
import { openTransport } from './open-transport.js';
import { dayMs, makePair, openssl, type Pair, thumbprintOf } from './openssl-for-tests.js';

const first = makePair({ subject: '/CN=first' });
const second = makePair({ subject: '/CN=second' });
const soon = makePair({
  subject: '/CN=soon',
  notBefore: Date.now() - 80 * dayMs,
  notAfter: Date.now() + 20.5 * dayMs,
});
const shortLived = makePair({ subject: '/CN=short', notBefore: Date.now(), notAfter: Date.now() + 3 * dayMs });
const thumbprints = new Map([first, second, soon].map((pair) => [pair, thumbprintOf(pair.cert)]));

/** As long as it takes, within the time of a test. */
function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, 10_000);
}

function setUp(mtls: MtlsOptions) {
  const events: ClientEvent[] = [];
  const time = { now: Date.now() };
  const transport = openTransport({
    mtls,
    systemAuthorities: true,
    clock: () => time.now,
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => transport.close(10_000));
  /** What a call made now would show. */
  const inUse = async () => {
    const line = await transport.acquire();
    line.release();
    return line.thumbprint;
  };
  const typesOf = () => events.map(({ type }) => type);
  return { transport, events, typesOf, time, inUse };
}

function encrypted(key: string): string {
  return openssl(['pkcs8', '-topk8', '-v2', 'aes-256-cbc', '-passout', 'pass:open sesame'], key);
}

function aDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tollward-client-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

function filesOf(pair: Pair) {
  const directory = aDirectory();
  const files = { cert: join(directory, 'client.pem'), key: join(directory, 'client.key') };
  writeFileSync(files.cert, pair.cert);
  writeFileSync(files.key, pair.key);
  return { ...files, directory };
}

describe('[SDK-09] a replaced file is used from the next look on, which is a second later,', () => {
  test('when it is written over', async () => {
    const { cert, key } = filesOf(first);
    const { inUse, time, events } = setUp({ cert, key });
    expect(await inUse()).toBe(thumbprints.get(first));
    writeFileSync(cert, second.cert);
    writeFileSync(key, second.key);
    time.now += 999;
    expect(await inUse()).toBe(thumbprints.get(first));
    time.now += 1;
    expect(await inUse()).toBe(thumbprints.get(second));
    expect(events).toMatchObject([
      { type: 'certificate:loaded', subject: 'CN=first', thumbprint: thumbprints.get(first) },
      { type: 'certificate:loaded', subject: 'CN=second', thumbprint: thumbprints.get(second) },
    ]);
  });

  test('when others take their place', async () => {
    const { cert, key, directory } = filesOf(first);
    const { inUse, time } = setUp({ cert, key });
    await inUse();
    for (const [name, content] of Object.entries({ 'client.pem': second.cert, 'client.key': second.key })) {
      writeFileSync(join(directory, 'new'), content);
      renameSync(join(directory, 'new'), join(directory, name));
    }
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(second));
  });

  test('when a link on the way to them is switched', async () => {
    const directory = aDirectory();
    for (const [name, pair] of Object.entries({ one: first, two: second })) {
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'client.pem'), pair.cert);
      writeFileSync(join(directory, name, 'client.key'), pair.key);
    }
    symlinkSync('one', join(directory, 'data'));
    const files = { cert: join(directory, 'client.pem'), key: join(directory, 'client.key') };
    symlinkSync('data/client.pem', files.cert);
    symlinkSync('data/client.key', files.key);
    const { inUse, time } = setUp(files);
    expect(await inUse()).toBe(thumbprints.get(first));
    unlinkSync(join(directory, 'data'));
    symlinkSync('two', join(directory, 'data'));
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(second));
  });

  test('when the clock was set back meanwhile', async () => {
    const { cert, key } = filesOf(first);
    const { inUse, time } = setUp({ cert, key });
    await inUse();
    writeFileSync(cert, second.cert);
    writeFileSync(key, second.key);
    time.now -= 60_000;
    expect(await inUse()).toBe(thumbprints.get(second));
  });

  test('and one that was only written again changes nothing', async () => {
    const { cert, key } = filesOf(first);
    const { transport, time, typesOf } = setUp({ cert, key });
    const before = await transport.acquire();
    writeFileSync(cert, `${first.cert}\n`);
    time.now += 1_000;
    const after = await transport.acquire();
    expect(after.dispatcher).toBe(before.dispatcher);
    expect(typesOf()).toEqual(['certificate:loaded']);
    before.release();
    after.release();
  });

  test('unless that is switched off', async () => {
    const { cert, key } = filesOf(first);
    const { inUse, time, transport } = setUp({ cert, key, watch: false });
    await inUse();
    writeFileSync(cert, second.cert);
    writeFileSync(key, second.key);
    time.now += dayMs;
    expect(await inUse()).toBe(thumbprints.get(first));
    await transport.reload();
    expect(await inUse()).toBe(thumbprints.get(second));
  });

  test('and nothing that waits for the next change keeps the process alive', async () => {
    const { cert, key } = filesOf(first);
    const { inUse } = setUp({ cert, key });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval'] });
    onTestFinished(() => void vi.useRealTimers());
    await inUse();
    expect(vi.getTimerCount()).toBe(0);
    expect(process.getActiveResourcesInfo().filter((name) => /FSEvent|StatWatcher/.test(name))).toEqual([]);
  });
});

describe('[SDK-10] while new files can not be used, the pair before stays in use', () => {
  test('and nothing is said when the key follows its certificate', async () => {
    const { cert, key } = filesOf(first);
    const { inUse, time, typesOf } = setUp({ cert, key });
    await inUse();
    writeFileSync(cert, second.cert);
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(first));
    writeFileSync(key, second.key);
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(second));
    expect(typesOf()).toEqual(['certificate:loaded', 'certificate:loaded']);
  });

  test('and it is said once when it stays so', async () => {
    const { cert, key } = filesOf(first);
    const { inUse, time, events } = setUp({ cert, key });
    await inUse();
    writeFileSync(cert, second.cert);
    for (const _ of [1, 2, 3, 4]) {
      time.now += 1_000;
      expect(await inUse()).toBe(thumbprints.get(first));
    }
    expect(events.slice(1)).toMatchObject([{ type: 'certificate:reload-failed', error: { code: 'key-mismatch' } }]);
  });

  test('whatever is wrong with them', async () => {
    const { cert, key } = filesOf(first);
    const { inUse, time, events } = setUp({ cert, key });
    await inUse();
    rmSync(key);
    for (const content of ['', second.cert.slice(0, 100), second.cert]) {
      writeFileSync(cert, content);
      time.now += 1_000;
      expect(await inUse()).toBe(thumbprints.get(first));
    }
    writeFileSync(key, second.key);
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(second));
    expect(events.filter(({ type }) => type === 'certificate:reload-failed')).not.toEqual([]);
  });
});

describe('[SDK-11] functions are asked', () => {
  function asking(reloadSeconds?: number) {
    const answer: { pair: Pair; fault?: Error } = { pair: first };
    const asked = vi.fn(async () => {
      if (answer.fault !== undefined) throw answer.fault;
      return answer.pair.cert;
    });
    const options = { cert: asked, key: () => answer.pair.key };
    const set = setUp(reloadSeconds === undefined ? options : { ...options, reloadSeconds });
    return { ...set, answer, asked };
  }

  test('once for all who wait for the first answer', async () => {
    const { inUse, asked } = asking();
    const all = await Promise.all(Array.from({ length: 20 }, inUse));
    expect(new Set(all)).toEqual(new Set([thumbprints.get(first)]));
    expect(asked).toHaveBeenCalledTimes(1);
  });

  test('again after 300 seconds, and no call waits for that', async () => {
    const { inUse, time, answer, asked } = asking();
    await inUse();
    answer.pair = second;
    time.now += 299_999;
    await inUse();
    expect(asked).toHaveBeenCalledTimes(1);
    time.now += 1;
    expect(await inUse()).toBe(thumbprints.get(first));
    await eventually(async () => expect(await inUse()).toBe(thumbprints.get(second)));
    expect(asked).toHaveBeenCalledTimes(2);
  });

  test('after as many seconds as was said, or never again', async () => {
    for (const [reloadSeconds, times] of [
      [7, 2],
      [0, 1],
    ] as const) {
      const { inUse, time, asked } = asking(reloadSeconds);
      await inUse();
      time.now += 7_000;
      await inUse();
      expect(asked).toHaveBeenCalledTimes(times);
    }
  });

  test('sooner after a failure, which is told when it stays', async () => {
    const { inUse, time, answer, typesOf } = asking();
    await inUse();
    answer.fault = new Error('sealed');
    time.now += 300_000;
    expect(await inUse()).toBe(thumbprints.get(first));
    await eventually(async () => {
      time.now += 10_000;
      expect(await inUse()).toBe(thumbprints.get(first));
      expect(typesOf()).toEqual(['certificate:loaded', 'certificate:reload-failed']);
    });
    delete answer.fault;
    answer.pair = second;
    time.now += 10_000;
    await inUse();
    await eventually(async () => expect(await inUse()).toBe(thumbprints.get(second)));
  });

  test('at once by reload(), which fails without harm', async () => {
    const { transport, inUse, answer } = asking();
    await inUse();
    answer.fault = new Error('sealed');
    await expect(transport.reload()).rejects.toMatchObject({ name: 'CertificateError', code: 'source-failed' });
    expect(await inUse()).toBe(thumbprints.get(first));
    delete answer.fault;
    answer.pair = second;
    await transport.reload();
    expect(await inUse()).toBe(thumbprints.get(second));
  });

  test('by reload() also when an answer is under way that may be an old one', async () => {
    const { transport, inUse, answer, asked } = asking();
    const waiting = inUse();
    await eventually(() => expect(asked).toHaveBeenCalledTimes(1));
    answer.pair = second;
    await transport.reload();
    await waiting;
    expect(await inUse()).toBe(thumbprints.get(second));
  });

  test('again for the next call when the first answer can not be used', async () => {
    const { inUse, answer, time } = asking();
    answer.fault = new Error('sealed');
    await expect(inUse()).rejects.toMatchObject({ code: 'source-failed' });
    delete answer.fault;
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(first));
  });

  test('once a second while none of them gave anything, however many calls wait', async () => {
    const { inUse, answer, asked, time } = asking();
    answer.fault = new Error('sealed');
    for (let count = 0; count < 50; count += 1) await expect(inUse()).rejects.toMatchObject({ code: 'source-failed' });
    expect(asked).toHaveBeenCalledTimes(1);
    time.now += 1_000;
    await expect(inUse()).rejects.toMatchObject({ code: 'source-failed' });
    expect(asked).toHaveBeenCalledTimes(2);
  });
});

describe('[SDK-11] a source that never answers', () => {
  const never = () => new Promise<never>(() => undefined);
  const withFakeTimers = () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
  };

  for (const [name, mtls] of Object.entries({
    'a certificate': { cert: never, key: first.key },
    'a passphrase': { ...first, key: encrypted(first.key), passphrase: never },
  })) {
    test(`${name}: the calls fail after 30 seconds, and it is asked again`, async () => {
      withFakeTimers();
      const { inUse, time } = setUp(mtls);
      for (const _ of [1, 2]) {
        const call = inUse().catch((thrown: unknown) => thrown);
        await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
        await vi.advanceTimersByTimeAsync(30_000);
        expect(await call).toMatchObject({ name: 'CertificateError', code: 'source-failed' });
        time.now += 1_000;
      }
    });
  }

  test('lets no call wait while there are credentials in use, also when a file changed', async () => {
    withFakeTimers();
    const { key } = filesOf(first);
    let isStuck = false;
    const cert = vi.fn(() => (isStuck ? never() : first.cert));
    const { inUse, time, transport } = setUp({ cert, key });
    await inUse();
    isStuck = true;
    time.now += 300_000;
    expect(await inUse()).toBe(thumbprints.get(first));
    writeFileSync(key, `${first.key}\n`);
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(first));
    expect(cert).toHaveBeenCalledTimes(2);
    const reload = transport.reload();
    isStuck = false;
    await vi.advanceTimersByTimeAsync(30_000);
    await reload;
    expect(cert).toHaveBeenCalledTimes(3);
  });
});

describe('[SDK-07] a certificate that ends', () => {
  test('within 30 days is told of, once a day', async () => {
    const { inUse, time, events } = setUp({ ...soon, watch: false });
    const told = () => events.filter((event) => event.type === 'certificate:expiring');
    await inUse();
    await inUse();
    expect(told()).toMatchObject([{ subject: 'CN=soon', thumbprint: thumbprints.get(soon), daysLeft: 20 }]);
    time.now += dayMs - 1;
    await inUse();
    expect(told()).toHaveLength(1);
    time.now += 1;
    await inUse();
    expect(told()[1]).toMatchObject({ daysLeft: 19 });
  });

  test('after a short life is told of in its last third', async () => {
    const { inUse, typesOf, time } = setUp(shortLived);
    time.now += 1.9 * dayMs;
    await inUse();
    expect(typesOf()).toEqual(['certificate:loaded']);
    time.now += 0.2 * dayMs;
    await inUse();
    expect(typesOf()).toEqual(['certificate:loaded', 'certificate:expiring']);
  });

  test('later is not', async () => {
    const { inUse, typesOf, time } = setUp(first);
    time.now += 69 * dayMs;
    await inUse();
    expect(typesOf()).toEqual(['certificate:loaded']);
  });

  test('while it is in use is read again, and refused when there is no other', async () => {
    const { cert, key } = filesOf(soon);
    const { inUse, time } = setUp({ cert, key, watch: false });
    await inUse();
    time.now += 21 * dayMs;
    await expect(inUse()).rejects.toMatchObject({ name: 'CertificateError', code: 'expired' });
    writeFileSync(cert, first.cert);
    writeFileSync(key, first.key);
    time.now += 1_000;
    expect(await inUse()).toBe(thumbprints.get(first));
  });
});

test('[SDK-18] a closed transport gives no line, and trusting nobody is refused at once', async () => {
  const { transport, inUse } = setUp(first);
  await inUse();
  await transport.close(10_000);
  await expect(transport.acquire()).rejects.toBeInstanceOf(ClientClosedError);
  await expect(transport.reload()).rejects.toBeInstanceOf(ClientClosedError);
  const nobody = { systemAuthorities: false, clock: () => 0, onEvent: () => undefined };
  expect(() => openTransport(nobody)).toThrow(ConfigurationError);
});
