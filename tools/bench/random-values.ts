/** A pool of normal values to cut tensors from: distinct memory, made once, so that gigabytes are quick. */

const POOL_VALUES = 2 ** 23 + 4099;
const STANDARD_DEVIATION = 0.02;
/** Largest finite e4m3 value. */
const E4M3_MAX = 448;

/** mulberry32 */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** N(0, 0.02) by Box-Muller. */
function normals(seed: number): Float32Array {
  const random = randomFrom(seed);
  const values = new Float32Array(POOL_VALUES);
  for (let index = 0; index < POOL_VALUES; index += 2) {
    const radius = STANDARD_DEVIATION * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[index] = radius * Math.cos(angle);
    if (index + 1 < POOL_VALUES) values[index + 1] = radius * Math.sin(angle);
  }
  return values;
}

/** Rounded to nearest even. */
function toBf16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer);
  return Uint16Array.from(bits, (word) => (word + 0x7fff + ((word >>> 16) & 1)) >>> 16);
}

/** e4m3 bits of value / scale, where the scale makes 4 standard deviations the largest value. */
function toE4m3(values: Float32Array, scale: number): Uint8Array {
  return Uint8Array.from(values, (value) => {
    const magnitude = Math.min(E4M3_MAX, Math.abs(value) / scale);
    const exponent = Math.max(-6, Math.floor(Math.log2(Math.max(magnitude, 2 ** -9))));
    const steps = Math.round(magnitude / 2 ** (exponent - 3));
    const bits = exponent === -6 ? steps : ((exponent + 7) << 3) + (steps - 8);
    return Math.min(bits, 0x7e) | (value < 0 ? 0x80 : 0);
  });
}

export class ValuePool {
  /** Multiply an e4m3 value by this to get the weight. */
  static readonly FP8_SCALE = (4 * STANDARD_DEVIATION) / E4M3_MAX;
  readonly bf16: Buffer;
  readonly fp8: Buffer;
  readonly #random: () => number;

  constructor(seed: number) {
    const values = normals(seed);
    const half = toBf16(values);
    this.bf16 = Buffer.from(half.buffer);
    this.fp8 = Buffer.from(toE4m3(values, ValuePool.FP8_SCALE).buffer);
    this.#random = randomFrom(seed + 1);
  }

  /** `count` values as pieces of the pool, from a place of their own; `bytes` is 2 or 1 each. */
  *window(count: number, bytes: 1 | 2): Generator<Buffer> {
    const pool = bytes === 2 ? this.bf16 : this.fp8;
    let at = Math.floor(this.#random() * POOL_VALUES);
    for (let left = count; left > 0; ) {
      const length = Math.min(left, POOL_VALUES - at);
      yield pool.subarray(at * bytes, (at + length) * bytes);
      left -= length;
      at = 0;
    }
  }
}
