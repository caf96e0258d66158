import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { closeSoon } from './close-soon.js';

// Stands still: what ends before it is moved did not end by the clock.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Both ends of a connection that neither ends because the other did. */
async function openPair(): Promise<{ readonly ours: Socket; readonly theirs: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const theirs = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  theirs.on('error', () => undefined);
  const [ours] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    theirs.destroy();
    ours.destroy();
    server.close();
  });
  return { ours, theirs };
}

test('a connection ends with the last of what was written, although the peer keeps its own side open', async () => {
  const { ours, theirs } = await openPair();
  let text = '';
  theirs.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  const [closed, read] = [once(ours, 'close'), once(theirs, 'end')];
  ours.write('the last answer');
  closeSoon(ours);
  await Promise.all([closed, read]);
  expect(text).toBe('the last answer');
  expect(theirs.writable, 'the peer has not closed').toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

test('a connection ends five seconds later at the latest, although the peer does not read', async () => {
  const { ours } = await openPair();
  const closed = once(ours, 'close');
  ours.write(Buffer.alloc(32 * 1024 * 1024));
  closeSoon(ours);
  vi.advanceTimersByTime(4_999);
  expect(ours.destroyed).toBe(false);
  vi.advanceTimersByTime(1);
  await closed;
});
