import { describe, expect, test, vi } from 'vitest';
import { held, startSurface } from '../../testing/wire-surface.js';

describe('the limits of an address', () => {
  const one = { perSecond: 1, perMinute: 100 };

  test('refuse requests beyond their number', async () => {
    const { send } = await startSurface({ requests: one });
    expect((await send('/good')).status).toBe(200);
    const refused = await send('/good');
    expect(refused.status).toBe(429);
    expect(refused.headers).toMatchObject({
      'x-refusal-code': 'address_rate_limited',
      'x-rate-limited-by': 'tollward-address',
    });
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('count failed authentications, and nothing else, against an allowance of their own', async () => {
    const { send } = await startSurface({ failures: one });
    for (const path of ['/wrong-certificate', '/nowhere', '/broken', '/good']) await send(path);
    expect((await send('/wrong-token')).status).toBe(401);
    const limited = await send('/good');
    expect([limited.status, limited.headers['x-refusal-code']]).toEqual([429, 'address_failures_limited']);
  });

  test('count a failure from the arrival of its request on in the minute, however many others are still open', async () => {
    const { send } = await startSurface({ failures: { perSecond: 100, perMinute: 2 } });
    const wrong = () => send('/held-wrong', { headers: { authorization: 'Bearer wrong' } });
    const open = [wrong(), wrong()];
    await vi.waitFor(() => expect(held).toHaveLength(2));
    const limited = await wrong();
    expect([limited.status, limited.headers['x-refusal-code']]).toEqual([429, 'address_failures_limited']);
    for (const release of held.splice(0)) release();
    expect((await Promise.all(open)).map(({ status }) => status)).toEqual([401, 401]);
    expect((await send('/good')).status, 'they have come to be failures').toBe(429);
  });

  test('hold a place for credentials that came along before with what is open to anybody', async () => {
    const { send, sendAndStay } = await startSurface({ failures: { perSecond: 100, perMinute: 1 } });
    const guess = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer guessed\r\n\r\n`;
    void sendAndStay(guess('/open') + guess('/held-wrong')).catch(() => undefined);
    await vi.waitFor(() => expect(held).toHaveLength(1));
    const next = await send('/wrong-token', { headers: { authorization: 'Bearer another' } });
    expect(next.headers['x-refusal-code']).toBe('address_failures_limited');
    for (const release of held.splice(0)) release();
  });

  test('let more good requests be open at the same time than may fail in a second', async () => {
    const { send } = await startSurface({ failures: { perSecond: 100, perMinute: 1_000 } });
    const headers = { authorization: 'Bearer right' };
    const open = Array.from({ length: 120 }, () => send('/held-good', { headers }));
    await vi.waitFor(() => expect(held).toHaveLength(120));
    const next = send('/held-good', { headers });
    await vi.waitFor(() => expect(held).toHaveLength(121));
    for (const release of held.splice(0)) release();
    const statuses = (await Promise.all([...open, next])).map(({ status }) => status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  test('give back the place of a request with credentials that did not fail', async () => {
    const { send } = await startSurface({ failures: one, requests: { perSecond: 8, perMinute: 100 } });
    const headers = { authorization: 'Bearer right' };
    const paths = ['/good', '/nowhere', '/wrong-certificate', '/broken', '/good', '/good', '/away', '/good'];
    const statuses: number[] = [];
    for (const path of paths) statuses.push((await send(path, { headers })).status);
    expect(statuses).toEqual([200, 404, 401, 500, 200, 200, 503, 200]);
    const refused = (await send('/good', { headers })).headers['x-refusal-code'];
    expect(refused, 'nor does one that its requests are too many for').toBe('address_rate_limited');
    expect((await send('/good', { headers })).headers['x-refusal-code']).toBe('address_rate_limited');
  });

  test('end the connection of what they refuse', async () => {
    const { sendRaw } = await startSurface({ requests: one });
    const text = await sendRaw('GET /good HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 429']);
    expect(text).toContain('connection: close');
  });

  test('write a few lines a second at most, and count every refusal', async () => {
    const { send, lines, metrics } = await startSurface({ requests: one });
    for (let number = 0; number < 20; number += 1) await send('/good');
    const logged = lines.filter((line) => line.includes('address_rate_limited'));
    expect(logged).toHaveLength(5);
    expect(metrics.filter(([kind]) => kind === 'refused')).toHaveLength(19);
    expect(metrics.filter(([kind]) => kind === 'request')).toHaveLength(20);
  });

  test('drop what can not be read beyond their number, and count it', async () => {
    const { sendRaw, metrics, recorded, lines } = await startSurface({ requests: one });
    expect(await sendRaw('NOT HTTP\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await sendRaw('NOT HTTP\r\n\r\n').catch(() => '')).toBe('');
    expect(metrics.filter(([kind]) => kind === 'refused')).toEqual([
      ['refused', 'malformed_request'],
      ['refused', 'address_rate_limited'],
    ]);
    expect([recorded.length, lines.length]).toEqual([1, 1]);
  });

  test('refuse handshakes beyond their number', async () => {
    const { surface } = await startSurface({ handshakes: one });
    const socket = { remoteAddress: '192.0.2.9' };
    expect(surface.admit(socket as never)).toBe(true);
    expect(surface.admit(socket as never)).toBe(false);
    expect(surface.admit({ remoteAddress: '192.0.2.10' } as never)).toBe(true);
  });
});
