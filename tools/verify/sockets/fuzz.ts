/**
 * Sockets that send what nobody should: frames with random headers, JSON with random holes, valid
 * requests cut off, resets at any time. Everything follows from the seed.
 */
import { frameBytes, OPCODE, RawSocket } from './raw-socket.ts';

export type FuzzOptions = {
  readonly port: number;
  readonly seed: number;
  readonly milliseconds: number;
  /** Sockets at a time. */
  readonly sockets: number;
};

export type FuzzCounts = { readonly connections: number; readonly frames: number };

const PATHS = ['/v1/responses', '/v1/completions', '/v1/chat/completions'];

/** Values that a field may have instead of its own. */
const VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0,
  1e308,
  2 ** 53,
  '',
  'x',
  '\ud800',
  '\u0000',
  [],
  {},
  [[[]]],
  ['a'],
  { type: 'x' },
  'a'.repeat(1000),
  { a: { b: { c: {} } } },
];

const MESSAGES: readonly Readonly<Record<string, unknown>>[] = [
  { type: 'response.create', input: 'hello', max_output_tokens: 20 },
  {
    type: 'response.create',
    input: [{ role: 'user', content: 'a' }],
    stream_id: 'a',
    store: false,
  },
  { type: 'response.create', input: 'x', generate: false, stream_id: 'b' },
  { type: 'response.create', input: 'x', previous_response_id: 'resp_unknown' },
  { type: 'response.cancel', stream_id: 'a' },
  { type: 'response.cancel', response_id: 'resp_unknown' },
  { type: 'response.steer', previous_response_id: 'x', input: 'y' },
  { prompt: 'hello', max_tokens: 20, n: 2, logprobs: 1 },
  { messages: [{ role: 'user', content: 'hi' }], max_tokens: 20, stream_id: 'c' },
  { type: 'cancel', stream_id: 'c' },
];

/** Runs until the time is over and every socket it opened is closed. */
export async function fuzzSockets(options: FuzzOptions): Promise<FuzzCounts> {
  const deadlineMs = performance.now() + options.milliseconds;
  const counts = { connections: 0, frames: 0 };
  const worker = async (index: number) => {
    const random = randomFrom(options.seed + index);
    while (performance.now() < deadlineMs) {
      counts.connections++;
      const frameCount = await fuzzOne(options.port, random);
      counts.frames += frameCount;
    }
  };
  await Promise.all(Array.from({ length: options.sockets }, (_, index) => worker(index)));
  return counts;
}

type Random = (below: number) => number;

/** Mulberry32. */
function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** One connection from its upgrade to its end; returns how many frames it sent. */
async function fuzzOne(port: number, random: Random): Promise<number> {
  const client = new RawSocket(port, PATHS[random(PATHS.length)] ?? '');
  if (random(8) > 0) await Promise.race([client.status, client.closed]);
  const frameCount = 1 + random(12);
  for (let sent = 0; sent < frameCount && !client.socket.destroyed; sent++) {
    client.write(randomFrame(random));
    if (random(3) === 0) await new Promise(setImmediate);
  }
  if (random(2) === 0) await Promise.race([client.closed, pause(random(60))]);
  if (random(3) === 0) client.socket.resetAndDestroy();
  else client.socket.destroy();
  await client.closed;
  return frameCount;
}

function randomFrame(random: Random): Buffer {
  switch (random(8)) {
    case 0:
      return randomBytes(random, 1 + random(40));
    case 1:
      return frameBytes(randomBytes(random, random(200)), {
        opcode: random(16),
        fin: random(4) > 0,
        reserved: random(4) === 0 ? random(8) : 0,
        masked: random(8) > 0,
      });
    case 2: {
      const text = JSON.stringify(mutated(random));
      return frameBytes(text.slice(0, random(text.length + 1)));
    }
    case 3:
      return frameBytes(randomBytes(random, random(126)), { opcode: OPCODE.ping });
    case 4:
      return frameBytes(JSON.stringify(mutated(random)), { fin: random(2) === 0 });
    default:
      return frameBytes(JSON.stringify(mutated(random)));
  }
}

/** A message with up to two fields replaced, or with one more. */
function mutated(random: Random): object {
  const message: Record<string, unknown> = { ...MESSAGES[random(MESSAGES.length)] };
  for (let changes = random(3); changes > 0; changes--) {
    const names = [...Object.keys(message), 'stream_id', 'type', 'temperature', 'tools', 'input'];
    message[names[random(names.length)] ?? 'x'] = VALUES[random(VALUES.length)];
  }
  return message;
}

const randomBytes = (random: Random, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => random(256)));

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
