/** What other processes do meanwhile: a measurement that shares its cores says nothing. */
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

/** Share of all cores that others may use. */
export const OTHERS_SHARE_MAX = 0.03;
const TRIES_MAX = 25;
const PAUSE_MS = 300;
/** Of one clock tick in /proc. */
const TICK_MS = 10;

/** Busy milliseconds of all cores since boot, also those the hypervisor took. */
function busyMs(): number {
  const line = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  const [user, nice, system, , , irq, softIrq, steal] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const ticks = [user, nice, system, irq, softIrq, steal].reduce<number>(
    (sum, value) => sum + (value ?? 0),
    0,
  );
  return ticks * TICK_MS;
}

/** A process and all that came from it. */
function familyOf(pid: number): number[] {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
    if (children === '') return [pid];
    return [pid, ...children.split(' ').flatMap((child) => familyOf(Number(child)))];
  } catch {
    return [pid];
  }
}

/** CPU milliseconds of a process and of its children that have ended. */
function processMs(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return [11, 12, 13, 14].reduce((sum, at) => sum + Number(fields[at] ?? 0), 0) * TICK_MS;
  } catch {
    return 0;
  }
}

export type Measured<T> = {
  readonly value: T;
  /** Share of all cores that others used meanwhile. */
  readonly othersShare: number;
};

/** This process and its children belong to the measurement. */
async function once<T>(run: () => Promise<T>): Promise<Measured<T>> {
  const own = () => familyOf(process.pid).reduce((sum, pid) => sum + processMs(pid), 0);
  const [startMs, busyStart, ownStart] = [performance.now(), busyMs(), own()];
  const value = await run();
  const passedMs = performance.now() - startMs;
  const othersMs = busyMs() - busyStart - (own() - ownStart);
  return { value, othersShare: Math.max(0, othersMs) / (passedMs * cpus().length) };
}

/** Repeats a measurement until the machine was its own; then returns it, or else the quietest. */
export async function undisturbed<T>(tries: number, run: () => Promise<T>): Promise<Measured<T>> {
  let best = await once(run);
  for (let count = 1; count < Math.min(tries, TRIES_MAX); count++) {
    if (best.othersShare <= OTHERS_SHARE_MAX) break;
    await wait(PAUSE_MS);
    const next = await once(run);
    if (next.othersShare < best.othersShare) best = next;
  }
  return best;
}
