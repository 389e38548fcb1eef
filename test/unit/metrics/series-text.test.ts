import { Counter, Histogram } from 'prom-client';
import { expect, it } from 'vitest';
import { SeriesText } from '../../../src/metrics/series-text.ts';

const NAMING = { name: 'etap_x', help: 'A \\ and\na line.', commonLabels: 'model_name="m"' };

it('writes a counter under its name and its alias, labels renamed and escaped', async () => {
  const metric = new Counter({ name: 'etap_x', help: '-', labelNames: ['a'], registers: [] });
  metric.inc({ a: 'say "\\\n"' }, 2);
  const aliases = [{ name: 'vllm:x', labels: { a: 'b' } }];
  const text = new SeriesText(metric, { ...NAMING, type: 'counter', aliases });
  const lines = [
    '# HELP etap_x A \\\\ and\\na line.',
    '# TYPE etap_x counter',
    'etap_x{a="say \\"\\\\\\n\\"",model_name="m"} 2',
    '# HELP vllm:x A \\\\ and\\na line.',
    '# TYPE vllm:x counter',
    'vllm:x{b="say \\"\\\\\\n\\"",engine="0",model_name="m"} 2',
    '',
  ];
  expect((await text.render()).split('\n')).toEqual(lines);
  metric.inc({ a: 'say "\\\n"' });
  expect(await text.render()).toContain('model_name="m"} 3');
});

it('writes the buckets of each label set of a histogram', async () => {
  const metric = new Histogram({
    name: 'etap_x',
    help: '-',
    labelNames: ['k'],
    buckets: [0.5, 2],
    registers: [],
  });
  metric.observe({ k: '1' }, 1);
  metric.observe({ k: '2' }, 9);
  const text = new SeriesText(metric, { ...NAMING, type: 'histogram', aliases: [] });
  const rendered = await text.render();
  expect(rendered.split('\n').slice(2)).toEqual([
    'etap_x_bucket{le="0.5",k="1",model_name="m"} 0',
    'etap_x_bucket{le="2",k="1",model_name="m"} 1',
    'etap_x_bucket{le="+Inf",k="1",model_name="m"} 1',
    'etap_x_sum{k="1",model_name="m"} 1',
    'etap_x_count{k="1",model_name="m"} 1',
    'etap_x_bucket{le="0.5",k="2",model_name="m"} 0',
    'etap_x_bucket{le="2",k="2",model_name="m"} 0',
    'etap_x_bucket{le="+Inf",k="2",model_name="m"} 1',
    'etap_x_sum{k="2",model_name="m"} 9',
    'etap_x_count{k="2",model_name="m"} 1',
    '',
  ]);
});
