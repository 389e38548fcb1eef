import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from '../../src/metrics/index.ts';
import { renderDashboards } from '../../tools/dashboards/index.ts';

const read = (path: string): string =>
  readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

type Panel = {
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string }[];
};
type Rule = {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly annotations?: { readonly summary?: string; readonly runbook?: string };
};

const boards = Object.entries(renderDashboards());
const panels = boards.flatMap(([, text]) =>
  (JSON.parse(text).panels as Panel[]).filter(({ type }) => type !== 'row'),
);
const rules = ['alerts', 'recording'].flatMap((name): Rule[] =>
  parse(read(`config/prometheus/rules/${name}.yml`)).groups.flatMap(
    ({ rules }: { readonly rules: readonly Rule[] }) => rules,
  ),
);

it.each(boards)('%s is up to date', (path, text) => {
  expect(read(path)).toBe(text);
});

it('every panel has a title of its own, a description, a unit and a query', () => {
  expect(panels.length).toBeGreaterThan(40);
  for (const { title, description, fieldConfig, targets } of panels) {
    expect(title).not.toBe('');
    expect(description, title).toMatch(/\.$/);
    expect(fieldConfig?.defaults.unit, title).toBeTruthy();
    expect(targets?.length, title).toBeGreaterThan(0);
  }
});

it('panels and rules ask only for metrics that exist', () => {
  const recorded = rules.flatMap(({ record }) => record ?? []);
  const known = new Set([...Object.keys(METRICS), ...recorded]);
  const expressions = [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...rules.map(({ expr }) => expr),
  ];
  const names = expressions.flatMap((expr) => expr.match(/\b(model_instance:)?etap_[\w:]+/g) ?? []);
  const base = (name: string) => name.replace(/_(bucket|sum|count)$/, '');
  expect(names.filter((name) => !known.has(name) && !known.has(base(name)))).toEqual([]);
});

it('every alert says what to do and is tested, every recorded series too', () => {
  const tested = (path: string): string[] =>
    parse(read(path)).tests.map(({ name }: { readonly name: string }) => name);
  const alerts = rules.flatMap(({ alert, annotations }) => {
    if (alert === undefined) return [];
    expect(annotations?.summary, alert).toBeTruthy();
    expect(annotations?.runbook, alert).toBeTruthy();
    return alert.replace(/^Etap/, '');
  });
  expect(tested('test/ops/alerts.yml')).toEqual(alerts);
  const recorded = rules.flatMap(({ record }) => record?.split(':')[1] ?? []);
  expect(tested('test/ops/recording.yml')).toEqual(recorded);
});
