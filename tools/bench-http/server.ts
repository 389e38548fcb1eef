/** Child process: the HTTP side over the emitter, with the demo model's tokenizer and real metrics. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { mergeConfig } from '../../src/config/index.ts';
import { buildServer } from '../../src/http/index.ts';
import { Metrics } from '../../src/metrics/index.ts';
import { loadTextModel } from '../../src/text/index.ts';
import { Emitter } from './emitter.ts';

const [modelDir = 'models/demo', stepMs = '0'] = process.argv.slice(2);
const TEXT = 'Now is the winter of our discontent made glorious summer by this sun of York. ';

const text = loadTextModel(modelDir);
const tokens = await text.tokenizer.encode(TEXT, { addBos: false, parseSpecial: false });
const { config } = mergeConfig([]);
const modelName = 'demo';
const app = buildServer({
  config,
  engine: new Emitter([...tokens], Number(stepMs)),
  text,
  metrics: new Metrics(config.metrics, modelName),
  modelName,
  version: 'bench',
  apiKeys: [],
});
await app.listen({ host: '127.0.0.1', port: 0 });
const address = app.server.address();
const port = typeof address === 'object' ? address?.port : undefined;

const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
let cpu = process.cpuUsage();
process.on('message', (message) => {
  if (message === 'start') {
    cpu = process.cpuUsage();
    delay.reset();
  } else {
    const { user, system } = process.cpuUsage(cpu);
    process.send?.({
      cpuMs: (user + system) / 1000,
      loopDelayP99Ms: delay.percentile(99) / 1e6,
      rssMb: process.memoryUsage.rss() / 2 ** 20,
    });
  }
});
process.send?.({ port });
