/** Seeded random numbers: the only source of chance in a simulation. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
    // Neighbouring seeds would otherwise begin alike.
    for (let i = 0; i < 4; i++) this.#next();
  }

  /** Integer from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + (this.#next() % (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.#next() < probability * 2 ** 32;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#next() % items.length] as T;
  }

  /** Like `pick`, but the first items come up most often. */
  pickEarly<T>(items: readonly T[]): T {
    return items[Math.min(this.#next() % items.length, this.#next() % items.length)] as T;
  }

  /** Mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
}
