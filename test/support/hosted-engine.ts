/** The real engine loop, scheduler and supervisor in this process, over the simulated executor. */
import type { Config } from '../../src/config/index.ts';
import { SupervisedEngine } from '../../src/engine/client.ts';
import type { EngineProcess, HostChannel, HostConfig } from '../../src/engine/engine-process.ts';
import { hostEngine } from '../../src/engine/host.ts';
import type { EngineMessage, ParentMessage } from '../../src/engine/messages.ts';

export function hostedEngine(config: Config): SupervisedEngine {
  return new SupervisedEngine(config, {
    spawn: spawnInProcess,
    onListenerError: (error) => {
      throw error;
    },
  }).start();
}

/** An engine process that is none: messages are cloned and arrive in a later turn, as from a pipe. */
function spawnInProcess(config: HostConfig): EngineProcess {
  let toParent: (message: EngineMessage) => void = () => {};
  let toHost: (message: ParentMessage) => void = () => {};
  let exited: (reason: string) => void = () => {};
  const channel: HostChannel = {
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => toParent(copy));
    },
    onMessage: (listener) => {
      toHost = listener;
    },
  };
  const running = hostEngine(channel, config);
  running.then(
    () => setImmediate(() => exited('end')),
    (error: unknown) => exited(String(error)),
  );
  return {
    pid: null,
    send: (message) => {
      const copy = structuredClone(message);
      setImmediate(() => toHost(copy));
    },
    onMessage: (listener) => {
      toParent = listener;
    },
    onExit: (listener) => {
      exited = listener;
    },
    kill: () => {},
  };
}
