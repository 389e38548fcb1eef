/** A scrape is cheap, and is answered although the engine process stands still. */
import { setTimeout as wait } from 'node:timers/promises';
import { busyMetrics } from '../busy-metrics.ts';
import type { Check } from '../check.ts';
import { complete, promptOf, serveModel } from '../served-model.ts';

const RENDERS = 400;
const WARMUPS = 100;
const RENDER_MS_MAX = 2;
const SCRAPES = 20;
const BETWEEN_SCRAPES_MS = 100;

export const scrapeCheck: Check = {
  name: 'scrape',
  async run() {
    const { medianMs, p90Ms, bytes, lines } = await renderCost();
    const stopped = await scrapeWithoutEngine();
    const failures: string[] = [];
    if (medianMs > RENDER_MS_MAX) {
      failures.push(`a scrape takes ${medianMs.toFixed(2)} ms, allowed are ${RENDER_MS_MAX}`);
    }
    if (stopped.scrapes < SCRAPES) failures.push('a scrape needed the engine process');
    return {
      figures: [
        `${lines} lines, ${Math.round(bytes / 1024)} KiB with aliases, 20 tenants and 8 GPUs: ` +
          `${medianMs.toFixed(2)} ms of processor time (median; p90 ${p90Ms.toFixed(2)})`,
        `engine process stopped (SIGSTOP): ${stopped.scrapes} of ${SCRAPES} scrapes answered, ` +
          `median ${stopped.medianMs.toFixed(1)} ms`,
      ],
      failures,
    };
  },
};

/** Processor time of this process, so that others on the machine do not count. */
async function renderCost() {
  const metrics = busyMetrics();
  const costs: number[] = [];
  let text = '';
  for (let render = 0; render < WARMUPS + RENDERS; render++) {
    const before = process.cpuUsage();
    text = await metrics.render();
    const { user, system } = process.cpuUsage(before);
    if (render >= WARMUPS) costs.push((user + system) / 1000);
  }
  costs.sort((a, b) => a - b);
  return {
    medianMs: costs[Math.floor(RENDERS / 2)] ?? Number.NaN,
    p90Ms: costs[Math.floor(RENDERS * 0.9)] ?? Number.NaN,
    bytes: Buffer.byteLength(text),
    lines: text.split('\n').length - 1,
  };
}

async function scrapeWithoutEngine() {
  const server = await serveModel();
  const engine = server.enginePid;
  try {
    await complete(server, { prompt: promptOf(50, 1), maxTokens: 8 });
    process.kill(engine, 'SIGSTOP');
    const times: number[] = [];
    for (let scrape = 0; scrape < SCRAPES; scrape++) {
      const startMs = performance.now();
      const response = await fetch(`${server.url}/metrics`, { signal: AbortSignal.timeout(5000) });
      const text = await response.text();
      if (text.includes('etap_requests_running')) times.push(performance.now() - startMs);
      await wait(BETWEEN_SCRAPES_MS);
    }
    times.sort((a, b) => a - b);
    return { scrapes: times.length, medianMs: times[Math.floor(times.length / 2)] ?? Number.NaN };
  } finally {
    process.kill(engine, 'SIGCONT');
    await server.stop();
  }
}
