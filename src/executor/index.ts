/** The door of the executors. */
export type { Executor, ExecutorInfo, SlotParams } from './executor.ts';
export { cpuFeatures, NativeExecutor, type NativeExecutorOptions } from './native-executor.ts';
export {
  SimulatedExecutor,
  type SimulatedExecutorOptions,
  type SimulatedFault,
} from './simulated-executor.ts';
export { realTime, rooflineCost, VirtualClock } from './simulated-time.ts';
export * from './step-batch.ts';
