/** One thing that `npm run verify:ops` shows. A file in checks/ for each. */

export type CheckResult = {
  /** What was measured; printed last, whatever came out. */
  readonly figures: readonly string[];
  /** What broke a promise; none when all is well. */
  readonly failures: readonly string[];
};

export type Check = {
  readonly name: string;
  run(): Promise<CheckResult>;
};
