/**
 * How many tokens a second the HTTP side streams: server and reader are processes of their own, the
 * engine is replaced by an emitter. `npm run bench:http -- --streams 256 --tokens 2000 --step-ms 0`
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/demo' },
    streams: { type: 'string', default: '256' },
    tokens: { type: 'string', default: '2000' },
    'step-ms': { type: 'string', default: '0' },
  },
});

type ServerFigures = {
  readonly cpuMs: number;
  readonly loopDelayP99Ms: number;
  readonly rssMb: number;
};
type ClientFigures = {
  readonly seconds: number;
  readonly tokens: number;
  readonly events: number;
  readonly bytes: number;
  readonly cpuMs: number;
};

const start = (name: string, args: readonly string[]): ChildProcess =>
  fork(new URL(`./${name}.js`, import.meta.url), args);

async function message<T>(child: ChildProcess): Promise<T> {
  const [value] = await once(child, 'message');
  return value as T;
}

const server = start('server', [values.model, values['step-ms']]);
const { port } = await message<{ readonly port: number }>(server);
server.send('start');
const client = start('client', [String(port), values.streams, values.tokens]);
const read = await message<ClientFigures>(client);
server.send('figures');
const served = await message<ServerFigures>(server);
server.kill();

const ratio = (value: number, digits: number): number => Number(value.toFixed(digits));
console.log({
  streams: Number(values.streams),
  stepMs: Number(values['step-ms']),
  tokens: read.tokens,
  seconds: ratio(read.seconds, 2),
  tokensPerSecond: Math.round(read.tokens / read.seconds),
  tokensPerEvent: ratio(read.tokens / read.events, 2),
  bytesPerToken: ratio(read.bytes / read.tokens, 1),
  serverCpuUsPerToken: ratio((served.cpuMs * 1000) / read.tokens, 2),
  serverCpuShare: ratio(served.cpuMs / 1000 / read.seconds, 2),
  readerCpuShare: ratio(read.cpuMs / 1000 / read.seconds, 2),
  loopDelayP99Ms: ratio(served.loopDelayP99Ms, 1),
  serverRssMb: Math.round(served.rssMb),
});
