/** The engine in this process: client and host joined by a channel that copies every message. */

import type { Config } from '../../src/config/index.ts';
import { SupervisedEngine } from '../../src/engine/client.ts';
import type { EngineProcess, HostConfig } from '../../src/engine/engine-process.ts';
import { hostEngine } from '../../src/engine/host.ts';
import type { EngineMessage, ParentMessage } from '../../src/engine/messages.ts';

/** An engine process without a process: what is sent arrives a turn later, as a copy. */
export function spawnInMemory(config: HostConfig): EngineProcess {
  const toParent = new Pipe<EngineMessage>();
  const toHost = new Pipe<ParentMessage>();
  const host = hostEngine(
    {
      send: (message) => toParent.send(message),
      onMessage: (listener) => toHost.listen(listener),
    },
    config,
  );
  let isKilled = false;
  let tellExit: (reason: string) => void = () => {};
  const exited = new Promise<string>((resolve) => {
    tellExit = resolve;
  });
  // What was sent last arrives before the end.
  const exit = (code: number) => setImmediate(() => tellExit(`exit code ${code}`));
  host.then(
    () => exit(0),
    () => exit(1),
  );
  return {
    pid: null,
    send: (message) => toHost.send(message),
    onMessage: (listener) => toParent.listen(listener),
    onExit: (listener) => {
      void exited.then(listener);
    },
    kill: () => {
      if (isKilled) return;
      isKilled = true;
      toParent.close();
      toHost.send({ kind: 'shutdown' });
      tellExit('signal SIGKILL');
    },
  };
}

/** A started engine with the configured executor, all in this process. */
export const inMemoryEngine = (config: Config): SupervisedEngine =>
  new SupervisedEngine(config, {
    spawn: spawnInMemory,
    onListenerError: (error) => {
      throw error;
    },
  }).start();

class Pipe<Message> {
  #listener: (message: Message) => void = () => {};
  #isOpen = true;

  listen(listener: (message: Message) => void): void {
    this.#listener = listener;
  }

  send(message: Message): void {
    const copy = structuredClone(message);
    setImmediate(() => {
      if (this.#isOpen) this.#listener(copy);
    });
  }

  close(): void {
    this.#isOpen = false;
  }
}
