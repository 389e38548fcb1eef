/** Histogram borders: vLLM's where it has the metric, so that its dashboards read ours. */

/** Seconds to the first token. */
export const FIRST_TOKEN_SECONDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80,
  160, 640, 2560,
];

/** Seconds between tokens; three borders below vLLM's lowest, which a decode step may undercut. */
export const TOKEN_SECONDS = [
  0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5,
  7.5, 10, 20, 40, 80,
];

/** Seconds of a request or a phase of one. */
export const REQUEST_SECONDS = [
  0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680,
];

/** Seconds of an HTTP exchange, most of which are short. */
export const HTTP_SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, ...REQUEST_SECONDS];

/** Seconds the scheduler takes for a step. */
export const SCHEDULE_SECONDS = [
  0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.005, 0.01, 0.1,
];

/** Seconds of one kind of operation within a step. */
export const KERNEL_SECONDS = [
  0.000_01, 0.000_03, 0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1,
];

/** From a core that reads alone to eight H200; powers of two of a GB/s. */
export const BYTES_PER_SECOND = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096].map(
  (gigabytes) => gigabytes * 1e9,
);

/** Seconds that an event loop is late. */
export const LOOP_LAG_SECONDS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Tokens of a request: 1, 2, 5, 10 ... */
export const REQUEST_TOKENS = [1, 10, 100, 1000, 10_000, 100_000]
  .flatMap((decade) => [decade, 2 * decade, 5 * decade])
  .concat(1_000_000);

/** Tokens or sequences of a step. */
export const STEP_TOKENS = [1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384];

/** Values of the parameter `n`. */
export const COMPLETIONS = [1, 2, 5, 10, 20];
