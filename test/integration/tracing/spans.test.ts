/** Spans of served requests as a collector receives them. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openTracing, type Tracing } from '../../../src/tracing/index.ts';
import { configFrom } from '../../support/engine-fixtures.ts';
import { EOS_ID } from '../../support/fake-text-model.ts';
import { MODEL, saying, testServer } from '../../support/http-server.ts';
import { OtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';

let receiver: OtlpReceiver;
let tracing: Tracing;

async function open(options: { readonly samplePercent?: number } = {}): Promise<void> {
  const { tracing: config } = configFrom('--tracing.endpoint', `${receiver.endpoint}/`);
  const opened = await openTracing({ ...config, ...options }, '1.2.3');
  if (opened === null) throw new Error('tracing is off');
  tracing = opened;
}

beforeEach(async () => {
  receiver = await OtlpReceiver.start();
});
afterEach(() => receiver.close());

async function ask(headers: Record<string, string> = {}, payload: object = {}): Promise<void> {
  const { app } = testServer({ script: saying('the answer', EOS_ID), deps: { tracing } });
  await app.inject({
    method: 'POST',
    url: '/v1/chat/completions',
    headers: { 'x-request-id': 'r-1', ...headers },
    payload: { messages: [{ role: 'user', content: 'hello' }], temperature: 0.5, ...payload },
  });
  await app.close();
  await tracing.close();
}

const attribute = ({ attributes }: ReceivedSpan, wanted: string): unknown =>
  Object.values(attributes.find(({ key }) => key === wanted)?.value ?? {})[0];

it('a request has a span with gen_ai attributes, and one for each phase', async () => {
  await open();
  await ask();
  const [root] = receiver.spans.filter(({ parentSpanId }) => !parentSpanId);
  if (root === undefined) throw new Error('no root span');
  expect(root.name).toBe('POST /v1/chat/completions');
  expect(attribute(root, 'http.response.status_code')).toBe(200);
  expect(attribute(root, 'etap.request.id')).toBe('r-1');
  expect(attribute(root, 'gen_ai.operation.name')).toBe('chat');
  expect(attribute(root, 'gen_ai.request.model')).toBe(MODEL);
  expect(attribute(root, 'gen_ai.request.temperature')).toBe(0.5);
  expect(attribute(root, 'gen_ai.usage.output_tokens')).toBe(11);
  expect(attribute(root, 'gen_ai.response.finish_reasons')).toEqual({
    values: [{ stringValue: 'stop' }],
  });
  const phases = receiver.spans.filter(({ parentSpanId }) => parentSpanId === root.spanId);
  expect(phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['queue', 'decode']));
  expect(phases.every(({ traceId }) => traceId === root.traceId)).toBe(true);
  for (const { startTimeUnixNano, endTimeUnixNano } of receiver.spans) {
    expect(BigInt(endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(startTimeUnixNano));
  }
});

it('belongs to the trace of its caller', async () => {
  await open({ samplePercent: 0 });
  await ask({ traceparent: `00-${TRACE}-${SPAN}-01` });
  const [root] = receiver.spans.filter(({ parentSpanId }) => parentSpanId === SPAN);
  expect(root?.traceId).toBe(TRACE);
});

it.each([
  ['the caller', { traceparent: `00-${TRACE}-${SPAN}-00` }, {}],
  ['the configuration', {}, { samplePercent: 0 }],
])('is not sampled where %s does not want it', async (_, headers, options) => {
  await open(options);
  await ask(headers);
  expect(receiver.spans).toEqual([]);
});

it('a refused request has a span of its own, without phases', async () => {
  await open();
  await ask({}, { temperature: -1 });
  expect(receiver.spans.map(({ name }) => name)).toEqual(['POST /v1/chat/completions']);
  const [root] = receiver.spans;
  expect(root && attribute(root, 'http.response.status_code')).toBe(400);
});

it('a collector that is gone keeps nothing from ending', async () => {
  await open();
  await receiver.close();
  await ask();
  receiver = await OtlpReceiver.start();
});

it('is off without an endpoint', async () => {
  expect(await openTracing(configFrom().tracing, '1')).toBeNull();
});
