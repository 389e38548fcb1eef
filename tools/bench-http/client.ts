/** Child process: reads many streams as fast as they come and counts their tokens and events. */
import { connect } from 'node:net';

const [port = '0', streams = '0', tokensPerStream = '0'] = process.argv.slice(2);
const DONE = 'data: [DONE]';

const body = JSON.stringify({
  prompt: [1],
  max_tokens: Number(tokensPerStream),
  stream: true,
  ignore_eos: true,
  stream_options: { include_usage: true },
});
const request = [
  'POST /v1/completions HTTP/1.1',
  'host: bench',
  'content-type: application/json',
  `content-length: ${body.length}`,
  '',
  body,
].join('\r\n');

type Counts = { readonly tokens: number; readonly events: number; readonly bytes: number };

/** Reads one stream to its end; scans bytes, so that the reader does not become what is measured. */
function read(): Promise<Counts> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let events = 0;
    let bytes = 0;
    let tail = '';
    socket.on('error', reject);
    socket.on('connect', () => socket.write(request));
    socket.on('data', (data) => {
      bytes += data.length;
      for (let at = data.indexOf('data: '); at >= 0; at = data.indexOf('data: ', at + 6)) events++;
      tail = (tail + data.toString('latin1', Math.max(0, data.length - 600))).slice(-600);
      if (!tail.includes(DONE)) return;
      const usage = /"completion_tokens":(\d+)/.exec(tail);
      resolve({ tokens: Number(usage?.[1] ?? 0), events, bytes });
      socket.destroy();
    });
  });
}

const startMs = performance.now();
const counts = await Promise.all(Array.from({ length: Number(streams) }, read));
const seconds = (performance.now() - startMs) / 1000;
const { user, system } = process.cpuUsage();
const sum = (key: keyof Counts) => counts.reduce((total, count) => total + count[key], 0);
process.send?.({
  seconds,
  tokens: sum('tokens'),
  events: sum('events'),
  bytes: sum('bytes'),
  cpuMs: (user + system) / 1000,
});
