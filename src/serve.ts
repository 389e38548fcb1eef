/** `etap serve`: wires config -> text model -> engine -> HTTP server -> signals, and stops in order. */
import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { type Logger, pino } from 'pino';
import { type Config, checkExposure, type LoadedConfig } from './config/index.ts';
import { drain } from './drain.ts';
import { type SupervisedEngine, startEngine } from './engine/index.ts';
import { EtapError } from './errors.ts';
import { GpuWatch } from './gpu-watch.ts';
import { buildServer, readTlsFiles } from './http/index.ts';
import { readApiKeys } from './keys/index.ts';
import { LoopLag } from './loop-lag.ts';
import { Metrics, NO_METRICS, type ServerMetrics } from './metrics/index.ts';
import { PACKAGE_ROOT } from './package-root.ts';
import { exitCodeOf, type StopSignal, StopSignals } from './signals.ts';
import { engineLines, ProgressLine, readyLines, serverUrl, settingLines } from './start-report.ts';
import { loadTextModel, type TextModel } from './text/index.ts';
import { openTracing, type Tracing } from './tracing/index.ts';

/** Exit codes of `etap serve`, beside 128 + n when a second signal n stops it at once. */
export const EXIT = {
  stopped: 0,
  /** The engine was lost more often than engine.restartLimit allows. */
  failed: 1,
  /** The configuration or the checkpoint is bad, or the port is taken: starting again won't help. */
  cannotStart: 2,
} as const;

/** The listener has this long to write the last bytes of its responses. */
const CLOSE_WAIT_MS = 5000;
const CLOSE_IDLE_MS = 20;

/** Runs until a signal or a failure and resolves to the exit code. Throws EtapError on a bad start. */
export async function serve(loaded: LoadedConfig, version: string): Promise<number> {
  const signals = new StopSignals();
  say(...settingLines(version, loaded.assignments));
  const server = await Server.start(loaded.config, version);
  signals.onHangup(() => server.reload());
  const end = await Promise.race([signals.first, server.failure]);
  if (end instanceof EtapError) return server.fail(end);
  return Promise.race([server.stop(end), signals.second.then(exitCodeOf)]);
}

type ServerParts = {
  readonly config: Config;
  readonly version: string;
  readonly engine: SupervisedEngine;
  readonly app: FastifyInstance;
  readonly metrics: ServerMetrics;
  readonly tracing: Tracing | null;
  readonly log: Logger;
  readonly text: TextModel;
  readonly modelName: string;
  readonly needsKey: boolean;
};

class Server {
  /** Resolves when the engine failed for good. */
  readonly failure: Promise<EtapError>;
  readonly #parts: ServerParts;
  readonly #loopLag = new LoopLag();
  #gpus: GpuWatch | null = null;
  #wasReady = false;

  private constructor(parts: ServerParts) {
    this.#parts = parts;
    this.failure = new Promise((resolve) => this.#followEngine(resolve));
  }

  /** Opens the listener at once; the model loads behind it. */
  static async start(config: Config, version: string): Promise<Server> {
    const apiKeys = readApiKeys(config);
    checkExposure(config.server, apiKeys.length);
    const tls = readTlsFiles(config.server);
    const modelDir = checkpointFolder(config);
    const modelName = config.model.servedName ?? basename(resolve(modelDir));
    const text = loadTextModel(modelDir);
    const log = pino({ level: config.log.level });
    const metrics = config.metrics.enabled ? new Metrics(config.metrics, modelName) : NO_METRICS;
    const tracing = await openTracing(config.tracing, version);
    const engine = startEngine(config, (err) => log.error({ err }, 'a sequence listener threw'));
    const deps = { config, engine, text, metrics, modelName, version, apiKeys, tls };
    const pageFolder = config.server.playground ? join(PACKAGE_ROOT, 'dist/web') : '';
    const trace = tracing === null ? {} : { tracing };
    const app = buildServer({ ...deps, ...trace, pageFolder, logger: log });
    const needsKey = apiKeys.length > 0;
    const server = new Server({ ...deps, app, log, needsKey, tracing });
    try {
      await listen(app, config.server);
    } catch (error) {
      await engine.close();
      throw error;
    }
    return server;
  }

  /** Graceful: resolves to the exit code when everything is closed. */
  async stop(signal: StopSignal): Promise<number> {
    const { app, engine, config } = this.#parts;
    say(`stopping  on ${signal}; a second signal stops at once`);
    await drain(
      {
        begin: () => app.drain.begin(),
        refuseRequests: () => app.drain.refuseRequests(),
        openRequestCount: () => app.drain.openRequestCount,
        closeEngine: () => engine.close(),
        closeServer: () => closeListener(app),
      },
      { ...config.drain, skipDelay: signal === 'SIGINT', log: say },
    );
    this.#gpus?.stop();
    await this.#parts.tracing?.close();
    say('stopped');
    return EXIT.stopped;
  }

  /** Reads keys and certificate again; where one of them is bad, all stay as they were. */
  reload(): void {
    const { app, config, metrics, log } = this.#parts;
    try {
      const apiKeys = readApiKeys(config);
      checkExposure(config.server, apiKeys.length);
      app.replaceAccess({ apiKeys, tls: readTlsFiles(config.server) });
      metrics.onReload(true);
      say(`reloaded  ${apiKeys.length} keys`);
    } catch (error) {
      metrics.onReload(false);
      log.error({ err: error }, 'reload failed');
      say(`reloaded  nothing: ${error instanceof Error ? error.message : error}`);
    }
  }

  /** The engine is beyond help. Throws the error when it never was ready. */
  async fail(error: EtapError): Promise<number> {
    const { app, engine } = this.#parts;
    await engine.close();
    await closeListener(app);
    this.#gpus?.stop();
    if (!this.#wasReady) throw error;
    say(`failed    ${error.code}: ${error.message}; engine.restartLimit is reached`);
    return EXIT.failed;
  }

  #followEngine(onFailure: (error: EtapError) => void): void {
    const { engine, metrics, log } = this.#parts;
    const progress = new ProgressLine(process.stderr);
    engine.onProgress((step) => progress.show(step));
    engine.onHeartbeat(({ loopLagMs }) => {
      metrics.engine.onLoopLag('engine', loopLagMs);
      metrics.engine.onLoopLag('http', this.#loopLag.takeMs());
    });
    engine.onStep((stats) => metrics.engine.onStep(stats));
    engine.onStateChange((state) => {
      progress.clear();
      if (state === 'ready') this.#onReady();
      else metrics.engine.onNotReady(engine.restartCount);
      const error = engine.lastError;
      if (state === 'restarting') {
        log.error({ code: error?.code, restarts: engine.restartCount }, error?.message);
        say(`engine    lost, starting it again: ${error?.message}`);
      }
      if (state === 'failed' && error !== null) onFailure(error);
    });
  }

  #onReady(): void {
    const { engine, metrics, config, version, modelName, text, needsKey, app } = this.#parts;
    const { info } = engine;
    if (info === null) return;
    const prefixCache = config.engine.prefixCache !== 'off';
    metrics.engine.onReady(info, { version, prefixCache });
    const { gpuSampleMs } = config.metrics;
    if (info.backend === 'cuda' && gpuSampleMs > 0) {
      this.#gpus ??= new GpuWatch(gpuSampleMs, (sample) => metrics.engine.onGpu(sample));
    }
    if (!this.#wasReady) {
      const { hasChatTemplate } = text;
      const url = serverUrl({ ...config.server, port: portOf(app) });
      say(...engineLines(info), ...readyLines({ url, modelName, hasChatTemplate, needsKey }));
    } else {
      say('engine    ready again');
    }
    this.#wasReady = true;
  }
}

/** The model's folder. Throws ETAP_ERR_CONFIG, ETAP_ERR_CHECKPOINT. */
function checkpointFolder({ model }: Config): string {
  if (model.dir === null) {
    const message = 'model.dir: no model was given; start as `etap serve MODEL_DIR`';
    throw new EtapError('ETAP_ERR_CONFIG', message, 'model.dir');
  }
  if (!existsSync(join(model.dir, 'config.json'))) {
    throw new EtapError(
      'ETAP_ERR_CHECKPOINT',
      `${model.dir}: found no config.json; give the folder of a Hugging Face checkpoint`,
    );
  }
  return model.dir;
}

/** Throws ETAP_ERR_CONFIG when the address cannot be taken. */
async function listen(app: FastifyInstance, { host, port }: Config['server']): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EtapError(
      'ETAP_ERR_CONFIG',
      `server.host, server.port: cannot listen on ${host}:${port} (${reason}); choose another`,
    );
  }
}

const portOf = (app: FastifyInstance): number => {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

/** Lets responses end, but not for ever. */
async function closeListener(app: FastifyInstance): Promise<void> {
  const { server } = app;
  // A connection whose last response ends only now would be kept alive.
  const idle = setInterval(() => server.closeIdleConnections(), CLOSE_IDLE_MS);
  const all = setTimeout(() => server.closeAllConnections(), CLOSE_WAIT_MS);
  await app.close();
  clearInterval(idle);
  clearTimeout(all);
}

/** For people; the log goes to stdout. */
function say(...lines: string[]): void {
  process.stderr.write(lines.map((line) => `${line}\n`).join(''));
}
