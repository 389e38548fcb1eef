/** Forks the engine process: `host.js` beside this file, started by an explicit flag. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ENGINE_PROCESS_FLAG, type EngineProcess, type HostConfig } from './engine-process.ts';
import type { EngineMessage, ParentMessage } from './messages.ts';

const HOST_FILE = fileURLToPath(new URL('./host.js', import.meta.url));

/** The configuration travels on the command line: it holds no secrets and is seen in `ps`. */
export function forkEngine(config: HostConfig): EngineProcess {
  return adoptChild(
    fork(HOST_FILE, [ENGINE_PROCESS_FLAG, JSON.stringify(config)], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: [],
    }),
  );
}

/** A child process with an IPC channel as an EngineProcess. */
export function adoptChild(child: ChildProcess): EngineProcess {
  // A send can fail while the child is dying; its exit then tells what happened.
  const ignoreSendError = (): void => {};
  child.on('error', ignoreSendError);
  return {
    pid: child.pid ?? null,
    send: (message: ParentMessage) => {
      if (child.connected) child.send(message, ignoreSendError);
    },
    onMessage: (listener) => {
      child.on('message', (message) => listener(message as EngineMessage));
    },
    onExit: (listener) => {
      let ended = false;
      const end = (reason: string): void => {
        if (ended) return;
        ended = true;
        listener(reason);
      };
      child.on('exit', (code, signal) => end(signal ? `signal ${signal}` : `exit code ${code}`));
      child.on('error', (error) => {
        if (child.pid === undefined) end(`could not start: ${error.message}`);
      });
      // Without its channel the child is of no use; its exit follows.
      child.on('disconnect', () => child.kill('SIGKILL'));
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
