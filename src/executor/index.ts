/** The door of the executors. */
export type { Executor, ExecutorInfo, SlotParams } from './executor.ts';
export { NativeExecutor, type NativeExecutorOptions } from './native-executor.ts';
export * from './step-batch.ts';
