import { describe, expect, it } from 'vitest';
import { type DrainParts, drain } from '../../src/drain.ts';

/** A server with open requests that says what is done to it; `afterLooks` empties it. */
function recordedServer(openRequests: number, afterLooks = Number.POSITIVE_INFINITY) {
  const steps: string[] = [];
  let looks = 0;
  const parts: DrainParts = {
    begin: () => steps.push('begin'),
    refuseRequests: () => steps.push('refuse'),
    openRequestCount: () => (looks++ < afterLooks ? openRequests : 0),
    closeEngine: async () => {
      steps.push('engine');
    },
    closeServer: async () => {
      steps.push('server');
    },
  };
  return { steps, parts };
}

const options = (changes: Partial<Parameters<typeof drain>[1]> = {}) => {
  const lines: string[] = [];
  return {
    lines,
    value: {
      delayMs: 0,
      timeoutMs: 60_000,
      skipDelay: false,
      log: (line: string) => lines.push(line),
      ...changes,
    },
  };
};

describe('drain', () => {
  it('closes the engine before the server, so that open streams get their last event', async () => {
    const { steps, parts } = recordedServer(0);
    await drain(parts, options().value);
    expect(steps).toEqual(['begin', 'refuse', 'engine', 'server']);
  });

  it('waits until the open requests have finished', async () => {
    const { steps, parts } = recordedServer(2, 5);
    const { lines, value } = options();
    await drain(parts, value);
    expect(steps).toEqual(['begin', 'refuse', 'engine', 'server']);
    expect(lines).toEqual([expect.stringContaining('2 requests have up to 60000 ms')]);
  });

  it('ends what does not finish in time', async () => {
    const { steps, parts } = recordedServer(3);
    const { lines, value } = options({ timeoutMs: 1 });
    await drain(parts, value);
    expect(steps.at(-1)).toBe('server');
    expect(lines.at(-1)).toContain('3 requests did not finish in time');
  });

  it('serves on for the delay, unless it is skipped', async () => {
    const shown = options({ delayMs: 1 });
    await drain(recordedServer(0).parts, shown.value);
    expect(shown.lines).toEqual([expect.stringContaining('drain.delayMs')]);
    const skipped = options({ delayMs: 3_600_000, skipDelay: true });
    await drain(recordedServer(0).parts, skipped.value);
    expect(skipped.lines).toEqual([]);
  });
});
