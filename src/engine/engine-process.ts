/**
 * The two ends of the pipe between the parent and one engine process. The ends are a
 * forked child in production and an in-memory pair or a scripted child in tests.
 */
import type { Config } from '../config/index.ts';
import type { EngineMessage, ParentMessage } from './messages.ts';

/** Tells host.js that it is the engine process; `process.send` alone proves nothing in tests. */
export const ENGINE_PROCESS_FLAG = '--etap-engine-process';

/** What the engine process gets of the configuration: no keys. */
export type HostConfig = Pick<Config, 'model' | 'engine' | 'limits'>;

/** The parent's end: one life of an engine process. */
export interface EngineProcess {
  readonly pid: number | null;
  send(message: ParentMessage): void;
  onMessage(listener: (message: EngineMessage) => void): void;
  /** Called once, when the process is gone; the reason is in words, e.g. `signal SIGKILL`. */
  onExit(listener: (reason: string) => void): void;
  /** Ends the process at once, whatever it is doing. */
  kill(): void;
}

/** Starts an engine process, which loads its model without being told to. */
export type SpawnEngine = (config: HostConfig) => EngineProcess;

/** The engine's end. */
export interface HostChannel {
  send(message: EngineMessage): void;
  onMessage(listener: (message: ParentMessage) => void): void;
}
