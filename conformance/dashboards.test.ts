// The dashboard and the alerts name metrics, labels and places in the runbook as text. This holds them to what is there.

import { readFileSync } from 'node:fs';
import { startTestServer } from '@tollward/server/testing';
import { afterAll, describe, expect, test } from 'vitest';

const server = await startTestServer();
afterAll(() => server.stop());

const rendered = await server.core.metrics.render();
const types = new Map([...rendered.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', type = '']) => [name, type]));
const labels = new Map(server.core.metrics.describe().map((metric) => [metric.name, metric.labels]));
/** Those that Prometheus adds to every sample. */
const labelsOfPrometheus = ['job', 'instance'];

interface Selector {
  readonly metric: string;
  readonly labels: readonly string[];
}

/** Every `metric{label="..."}` of an expression. By our rule a metric always has its braces, also empty ones. */
function readSelectors(expression: string): readonly Selector[] {
  return [...expression.matchAll(/(\w+)\{([^}]*)\}/g)].map(([, metric = '', matchers = '']) => ({
    metric,
    labels: [...matchers.matchAll(/(\w+)\s*[!=]/g)].map(([, label = '']) => label),
  }));
}

/** The series of a histogram are called after it. */
function familyOf(metric: string): string {
  const family = metric.replace(/_(bucket|sum|count)$/, '');
  return types.get(family) === 'histogram' ? family : metric;
}

function problemsOf(expression: string): readonly string[] {
  const selectors = readSelectors(expression);
  if (selectors.length === 0) return ['no metric with braces'];
  return selectors.flatMap(({ metric, labels: used }) => {
    // What Prometheus itself says of a target.
    if (metric === 'up') return [];
    const family = familyOf(metric);
    if (!types.has(family)) return [`there is no ${metric}`];
    const known = labels.get(family);
    if (known === undefined) return [];
    return used
      .filter((label) => !known.includes(label) && !labelsOfPrometheus.includes(label))
      .map((label) => `${metric} has no label ${label}`);
  });
}

/** Every text under the key `expr`, at any depth. */
function expressionsIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 'expr' && typeof inner === 'string' ? [inner] : expressionsIn(inner),
  );
}

interface Alert {
  readonly name: string;
  readonly expression: string;
  readonly runbook: string;
}

/** The rules file by its lines: in it, each of these stands on one. */
function readAlerts(text: string): readonly Alert[] {
  return text
    .split(/^ *- alert: /m)
    .slice(1)
    .map((rule) => ({
      name: /^\w+/.exec(rule)?.[0] ?? '',
      expression: /^ *expr: (.+)$/m.exec(rule)?.[1] ?? '',
      runbook: /^ *runbook: (.+)$/m.exec(rule)?.[1] ?? '',
    }));
}

const dashboard: unknown = JSON.parse(readFileSync('deploy/grafana/tollward.json', 'utf8'));
const expressions = expressionsIn(dashboard);
const alerts = readAlerts(readFileSync('deploy/prometheus/alerts.yaml', 'utf8'));

describe('the reader of expressions', () => {
  test('finds what is wrong', () => {
    expect(problemsOf('sum(up)')).toEqual(['no metric with braces']);
    expect(problemsOf('rate(refusals_totl{}[5m])')).toEqual(['there is no refusals_totl']);
    expect(problemsOf('rate(refusals_total{kode="x", job="y"}[5m])')).toEqual(['refusals_total has no label kode']);
    expect(problemsOf('refusals_total_bucket{}')).toEqual(['there is no refusals_total_bucket']);
  });
});

test('every metric and label of the dashboard is there', () => {
  expect(expressions.length).toBeGreaterThan(20);
  const wrong = expressions
    .map((expression) => [expression, problemsOf(expression)])
    .filter(([, found]) => found?.length);
  expect(wrong).toEqual([]);
});

test('the dashboard brings no data source of its own', () => {
  const named = [...JSON.stringify(dashboard).matchAll(/"uid":"([^"]*)"/g)].map(([, uid]) => uid);
  expect(new Set(named)).toEqual(new Set(['$' + '{datasource}', 'tollward']));
});

test('every metric and label of the alerts is there', () => {
  expect(alerts.length).toBeGreaterThan(10);
  const wrong = alerts
    .map(({ name, expression }) => [name, problemsOf(expression)])
    .filter(([, found]) => found?.length);
  expect(wrong).toEqual([]);
});

test('every alert leads to its place in the runbook', () => {
  const runbook = readFileSync('docs/failure-modes.md', 'utf8');
  const places = [...runbook.matchAll(/^## (.+)$/gm)].map(
    ([, title = '']) =>
      `docs/failure-modes.md#${title
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-')}`,
  );
  for (const { name, runbook: place } of alerts) expect(places, name).toContain(place);
});

test('every metric of ours is on the dashboard, or nobody would see it', () => {
  const shown = new Set(expressions.flatMap(readSelectors).map(({ metric }) => familyOf(metric)));
  expect([...labels.keys()].filter((name) => !shown.has(name))).toEqual([]);
});
