import { expect, test } from 'vitest';
import { createMetrics } from './metrics.js';

async function sample(metrics: ReturnType<typeof createMetrics>, name: string): Promise<string | undefined> {
  const text = await metrics.render();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
}

test('request durations are seconds, by listener, route and status', async () => {
  const metrics = createMetrics();
  metrics.request('sandbox api', '/oauth/token', 200, 2);
  metrics.request('sandbox api', '/oauth/token', 200, 500);
  metrics.request('sandbox api', '/oauth/token', 401, 1);
  const labels = 'listener="sandbox api",route="/oauth/token",status="200"';
  expect(await sample(metrics, `http_request_duration_seconds_count{${labels}}`)).toBe('2');
  expect(Number(await sample(metrics, `http_request_duration_seconds_sum{${labels}}`))).toBeCloseTo(0.502, 9);
  expect(await sample(metrics, `http_request_duration_seconds_bucket{${labels},le="0.0025"}`)).toBe('1');
});

test('keys are told by kind, environment and state, and those that are gone are not', async () => {
  const metrics = createMetrics();
  const key = { id: 'a', createdAt: 0, activeFrom: 60_000, activeUntil: 90_000, readableUntil: null };
  metrics.keys([
    { ...key, kind: 'token', environment: 'sandbox', state: 'active' },
    { ...key, kind: 'token', environment: 'sandbox', state: 'retired', activeFrom: 1_000 },
    { ...key, kind: 'token', environment: 'sandbox', state: 'retired', activeFrom: 2_000 },
    { ...key, kind: 'audit', environment: null, state: 'active', activeUntil: null },
  ]);
  const token = 'kind="token",environment="sandbox"';
  const audit = 'kind="audit",environment="both"';
  expect(await sample(metrics, `key_active_since_timestamp_seconds{${token}}`)).toBe('60');
  expect(await sample(metrics, `key_replaced_at_timestamp_seconds{${token}}`)).toBe('90');
  expect(await sample(metrics, `keys_total{${token},state="retired"}`)).toBe('2');
  expect(await sample(metrics, `key_active_since_timestamp_seconds{${audit}}`)).toBe('60');
  expect(await sample(metrics, `key_replaced_at_timestamp_seconds{${audit}}`)).toBeUndefined();
  metrics.keys([]);
  expect(await sample(metrics, `keys_total{${token},state="retired"}`)).toBeUndefined();
});

test('what is counted is shown by its label', async () => {
  const metrics = createMetrics();
  metrics.tokenIssued('client_credentials');
  metrics.tokenIssued('client_credentials');
  metrics.handshake('sandbox api', 'refused');
  metrics.refused('token_expired');
  metrics.refusalsDropped('queue_full', 7);
  metrics.clockSkew(-1_500);
  expect(await sample(metrics, 'oauth_tokens_issued_total{grant="client_credentials"}')).toBe('2');
  expect(await sample(metrics, 'tls_handshakes_total{listener="sandbox api",outcome="refused"}')).toBe('1');
  expect(await sample(metrics, 'refusals_total{code="token_expired"}')).toBe('1');
  expect(await sample(metrics, 'refusals_dropped_total{reason="queue_full"}')).toBe('7');
  expect(await sample(metrics, 'clock_skew_seconds')).toBe('-1.5');
});

test('two servers in one process count apart', async () => {
  const [first, second] = [createMetrics(), createMetrics()];
  first.tokenIssued('client_credentials');
  expect(await sample(second, 'oauth_tokens_issued_total{grant="client_credentials"}')).toBeUndefined();
});

test('the process itself is measured', async () => {
  const metrics = createMetrics();
  expect(metrics.contentType).toContain('text/plain');
  expect(await metrics.render()).toContain('process_resident_memory_bytes');
});

test('what is known of the ends of certificates takes the place of what was known before', async () => {
  const metrics = createMetrics();
  const listener = { environment: 'sandbox', kind: 'listener' } as const;
  metrics.certificateEnds(
    [
      { ...listener, notAfter: 1_790_000_000_000 },
      { ...listener, kind: 'client', notAfter: 1_780_000_000_500 },
    ],
    [{ environment: 'sandbox', withinDays: 30, count: 2 }],
  );
  const soonest = (kind: string) =>
    sample(metrics, `certificate_not_after_timestamp_seconds{environment="sandbox",kind="${kind}"}`);
  expect(await soonest('client')).toBe('1780000000.5');
  metrics.certificateEnds(
    [{ ...listener, notAfter: 1_800_000_000_000 }],
    [{ environment: 'sandbox', withinDays: 30, count: 0 }],
  );
  expect(await soonest('listener')).toBe('1800000000');
  expect(await soonest('client')).toBeUndefined();
  expect(await sample(metrics, 'certificates_expiring{environment="sandbox",days="30"}')).toBe('0');
});

test('connections are counted when somebody reads them', async () => {
  const metrics = createMetrics();
  let open = 3;
  metrics.watchConnections('sandbox api', () => open);
  expect(await sample(metrics, 'tls_connections_open{listener="sandbox api"}')).toBe('3');
  open = 0;
  expect(await sample(metrics, 'tls_connections_open{listener="sandbox api"}')).toBe('0');
});

test('the build says which Tollward this is', async () => {
  const metrics = createMetrics();
  metrics.build('1.2.3');
  const labels = `version="1.2.3",node="${process.versions.node}"`;
  expect(await sample(metrics, `tollward_build_info{${labels}}`)).toBe('1');
});

test('every metric of ours that is rendered is described, with its type, and none of the process', async () => {
  const metrics = createMetrics();
  const rendered = [...(await metrics.render()).matchAll(/^# TYPE (\w+) (\w+)$/gm)]
    .map(([, name = '', type = '']) => ({ name, type }))
    .filter(({ name }) => !name.startsWith('process_') && !name.startsWith('nodejs_'));
  const described = metrics.describe();
  const byName = (a: { name: string }, b: { name: string }) => a.name.localeCompare(b.name);
  expect(described.map(({ name, type }) => ({ name, type })).toSorted(byName)).toEqual(rendered.toSorted(byName));
  expect(described).toContainEqual({
    name: 'tls_handshakes_total',
    type: 'counter',
    labels: ['listener', 'outcome'],
    help: 'TLS handshakes by outcome; refused ones never started',
  });
});

test('what a process knows of the others is said only where there are others', async () => {
  const metrics = createMetrics();
  expect(await sample(metrics, 'standing_fresh')).toBeUndefined();
  metrics.watchFeed({ isFresh: () => true, ageMs: () => 250, isHearing: () => false });
  expect(await sample(metrics, 'standing_fresh')).toBe('1');
  expect(await sample(metrics, 'standing_last_poll_age_seconds')).toBe('0.25');
  expect(await sample(metrics, 'standing_notifications_arrive')).toBe('0');
});
