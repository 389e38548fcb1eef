/** How long simulated steps take, and what it means to wait for them. */
import { DEEPSEEK_V3, H20_NODE, type StepShape, stepFloorMicros } from '../planner/index.ts';

/** Microseconds of a step. */
export type StepCost = (step: StepShape) => number;

/** The floor of DeepSeek-V3 on a node of eight H20. */
export const rooflineCost: StepCost = (step) => stepFloorMicros(DEEPSEEK_V3, H20_NODE, step).total;

/** Lets time pass; resolves when it has. */
export type PassTime = (micros: number) => Promise<void>;

/** A clock that only `pass` moves. */
export class VirtualClock {
  #micros = 0;

  get nowMs(): number {
    return this.#micros / 1000;
  }

  readonly pass: PassTime = async (micros) => {
    this.#micros += micros;
  };
}

/** Waits for real, `scale` times as long; always gives way to other events. */
export const realTime =
  (scale = 1): PassTime =>
  (micros) =>
    new Promise((resolve) => {
      const ms = (micros * scale) / 1000;
      if (ms < 1) setImmediate(resolve);
      else setTimeout(resolve, ms);
    });
