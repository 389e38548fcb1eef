/** The one configuration schema: sections of settings, each with its default, range and meaning. */
import { type Static, Type } from 'typebox';
import {
  boolean,
  booleanOrAuto,
  bytes,
  bytesOrAuto,
  choice,
  integer,
  integerOrAuto,
  integerOrUnset,
  list,
  milliseconds,
  text,
  textOrUnset,
} from './setting.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const TIB = 1024 * 1024 * MIB;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const server = Type.Object({
  host: text('Address to listen on. Other addresses than loopback need keys.', {
    default: '127.0.0.1',
  }),
  port: integer('TCP port to listen on; 0 takes a free one.', {
    default: 8000,
    minimum: 0,
    maximum: 65_535,
  }),
  apiKeys: list('Keys that clients send as `Authorization: Bearer KEY`.', { secret: true }),
  apiKeyFile: textOrUnset(
    'File with one key a line, or a `.yaml` list of keys with names, scopes and limits: docs/keys.md.',
  ),
  allowUnauthenticated: boolean('Listen on any address without keys.', { default: false }),
  maxConnections: integer('Connections open at a time; more are closed at once.', {
    default: 4096,
    minimum: 1,
    maximum: 1_000_000,
  }),
  corsOrigins: list('Origins whose pages may call the API; `*` allows all.', { secret: false }),
  apiDocs: boolean('Serve `/openapi.json`, and `/docs`, which shows it in a browser.', {
    default: true,
  }),
  playground: boolean('Serve the page to chat and to watch the engine at `/`.', { default: true }),
  tlsCertFile: textOrUnset(
    'Certificate chain in PEM; with server.tlsKeyFile the server speaks TLS.',
  ),
  tlsKeyFile: textOrUnset('Private key of the certificate in PEM.'),
});

const limits = Type.Object({
  bodyBytes: bytes('Request body, at most; also bounded by 16 B a token of context + 64 KiB.', {
    default: 16 * MIB,
    minimum: KIB,
    maximum: 256 * MIB,
  }),
  headerBytes: bytes('Request headers together.', {
    default: 16 * KIB,
    minimum: KIB,
    maximum: MIB,
  }),
  jsonDepth: integer('Nesting of a JSON body.', { default: 64, minimum: 8, maximum: 1000 }),
  promptsPerRequest: integer('Prompts in one completion request.', {
    default: 16,
    minimum: 1,
    maximum: 1024,
  }),
  messagesPerRequest: integer('Messages of one conversation.', {
    default: 4096,
    minimum: 1,
    maximum: 65_536,
  }),
  completionsPerPrompt: integer('Value of `n`.', { default: 8, minimum: 1, maximum: 128 }),
  stopStrings: integer('Stop strings of one request.', { default: 16, minimum: 1, maximum: 256 }),
  stopStringBytes: bytes('One stop string in UTF-8.', {
    default: 256,
    minimum: 1,
    maximum: 64 * KIB,
  }),
  topLogprobs: integer('Log-probabilities reported for one token.', {
    default: 20,
    minimum: 0,
    maximum: 20,
  }),
  logitBiasEntries: integer('Entries of `logit_bias`.', {
    default: 1024,
    minimum: 0,
    maximum: 65_536,
  }),
  allowedTokenIds: integer('Entries of `allowed_token_ids`.', {
    default: 16_384,
    minimum: 1,
    maximum: 1_048_576,
  }),
  queueLength: integer('Sequences open at a time, running and waiting; more get status 429.', {
    default: 1024,
    minimum: 1,
    maximum: 1_000_000,
  }),
  keyRequestsPerMinute: integerOrUnset('Requests a minute of each key that sets no limit itself.', {
    minimum: 1,
    maximum: 1_000_000_000,
  }),
  keyTokensPerMinute: integerOrUnset(
    'Prompt and completion tokens a minute of each key that sets no limit itself.',
    { minimum: 1, maximum: 1_000_000_000 },
  ),
  keyConcurrentRequests: integerOrUnset(
    'Requests open at a time of each key that sets no limit itself.',
    { minimum: 1, maximum: 1_000_000_000 },
  ),
  streamBufferBytes: bytes('Text held for one slow reader before its stream is paused.', {
    default: 64 * KIB,
    minimum: 4 * KIB,
    maximum: 16 * MIB,
  }),
});

const timeouts = Type.Object({
  headersMs: milliseconds('For a client to send the request headers.', {
    default: 20_000,
    minimum: 100,
    maximum: HOUR_MS,
  }),
  requestMs: milliseconds('For a client to send the whole request.', {
    default: MINUTE_MS,
    minimum: 100,
    maximum: HOUR_MS,
  }),
  keepAliveMs: milliseconds(
    'An idle connection is kept; longer than the proxy in front keeps it.',
    {
      default: 72_000,
      minimum: 100,
      maximum: HOUR_MS,
    },
  ),
  pingMs: milliseconds('Between comments on a silent stream, so that dead peers are noticed.', {
    default: 15_000,
    minimum: 100,
    maximum: HOUR_MS,
  }),
  slowReaderMs: milliseconds('A stream whose reader takes nothing is cut off.', {
    default: 30_000,
    minimum: 100,
    maximum: HOUR_MS,
  }),
});

const websocket = Type.Object({
  connections: integer('Sockets open at a time; more are refused with status 429.', {
    default: 4096,
    minimum: 1,
    maximum: 1_000_000,
  }),
  bufferBytes: bytes('Waiting for one reader that takes nothing, before its socket is cut off.', {
    default: MIB,
    minimum: 64 * KIB,
    maximum: 256 * MIB,
  }),
  pingMs: milliseconds(
    'A peer that is silent this long is pinged; twice as long, and its socket is cut off.',
    { default: 30_000, minimum: 100, maximum: HOUR_MS },
  ),
  ageMs: milliseconds('A socket is closed at this age; clients then connect again.', {
    default: HOUR_MS,
    minimum: 1000,
    maximum: DAY_MS,
  }),
});

const responses = Type.Object({
  store: textOrUnset('File that keeps stored responses over restarts; in memory when unset.'),
  maxCount: integer('Stored responses of each key; the oldest make room. 0 stores none.', {
    default: 1000,
    minimum: 0,
    maximum: 1_000_000,
  }),
  maxBytes: bytes('Stored responses of each key together.', {
    default: 64 * MIB,
    minimum: 0,
    maximum: TIB,
  }),
  maxAgeMs: milliseconds('Stored responses are dropped at this age.', {
    default: 30 * DAY_MS,
    minimum: 1000,
    maximum: 3650 * DAY_MS,
  }),
});

const drain = Type.Object({
  delayMs: milliseconds('After SIGTERM: keep serving while routers notice that we are not ready.', {
    default: 5000,
    minimum: 0,
    maximum: HOUR_MS,
  }),
  timeoutMs: milliseconds('Then: let open requests finish before they end with an error event.', {
    default: 30_000,
    minimum: 0,
    maximum: DAY_MS,
  }),
});

const model = Type.Object({
  dir: textOrUnset('Checkpoint folder in Hugging Face layout.'),
  servedName: textOrUnset('Name clients ask for; the name of the folder when unset.'),
  maxModelLen: integerOrAuto(
    'Longest context in tokens; auto: the most the model and memory allow.',
    {
      minimum: 64,
      maximum: 1 << 24,
    },
  ),
});

const engine = Type.Object({
  executor: choice('What computes steps; `simulated` answers with made-up tokens, for tests.', {
    words: ['native', 'simulated'],
    default: 'native',
  }),
  backend: choice('Where the model runs; auto: cuda where it works, else cpu.', {
    words: ['auto', 'cpu', 'reference', 'cuda'],
    default: 'auto',
  }),
  isa: choice('Instruction set of the CPU kernels; auto: the best this machine has.', {
    words: ['auto', 'scalar', 'avx2', 'avx512', 'avx512_bf16', 'amx'],
    default: 'auto',
  }),
  threads: integerOrAuto('Threads of the CPU backend; auto: one for each core we may use.', {
    minimum: 1,
    maximum: 1024,
  }),
  tensorParallelSize: integer('GPUs (or CPU ranks) that share each layer.', {
    default: 1,
    minimum: 1,
    maximum: 64,
  }),
  kvMemoryBytes: bytesOrAuto(
    'Memory for the KV cache of each rank; auto: what the machine has to spare.',
    {
      minimum: MIB,
      maximum: 16 * TIB,
    },
  ),
  maxSequences: integerOrAuto('Sequences computed at a time; auto: 16 on CPU, 256 on GPU.', {
    minimum: 1,
    maximum: 4096,
  }),
  stepTokenCapacity: integerOrAuto(
    'Tokens computed in one step, at most; auto: 512 on CPU, 8192 on GPU.',
    {
      minimum: 64,
      maximum: 65_536,
    },
  ),
  targetStepMs: milliseconds('Length of a step to aim at while sequences are decoding.', {
    default: 60,
    minimum: 1,
    maximum: MINUTE_MS,
  }),
  targetPrefillStepMs: milliseconds('Length of a step to aim at while none is decoding.', {
    default: 250,
    minimum: 1,
    maximum: MINUTE_MS,
  }),
  prefillChunkTokens: integer('Prompt tokens of one sequence in one step, at most.', {
    default: 8192,
    minimum: 64,
    maximum: 65_536,
  }),
  prefixCache: choice('Who may reuse the KV of a common prompt prefix.', {
    words: ['tenant', 'global', 'off'],
    default: 'tenant',
  }),
  grammarWorkers: integer(
    'Threads that follow grammars; they start with the first constrained request.',
    {
      default: 2,
      minimum: 1,
      maximum: 64,
    },
  ),
  strict: booleanOrAuto('Equal requests give equal bits whatever else runs; auto: on CPU.'),
  stepDeadlineMs: milliseconds(
    'A step that takes longer, and twice as long as the longest before it, is a hang: the engine process is killed.',
    {
      default: 30_000,
      minimum: 100,
      maximum: HOUR_MS,
    },
  ),
  loadTimeoutMs: milliseconds('For the engine process to load the model.', {
    default: HOUR_MS,
    minimum: 1000,
    maximum: DAY_MS,
  }),
  heartbeatMs: milliseconds('Between heartbeats of the engine process.', {
    default: 500,
    minimum: 10,
    maximum: MINUTE_MS,
  }),
  heartbeatTimeoutMs: milliseconds('Silence after which the engine process is killed.', {
    default: 10_000,
    minimum: 50,
    maximum: HOUR_MS,
  }),
  restartLimit: integer(
    'Restarts of the engine process within the window; one more ends the server.',
    {
      default: 5,
      minimum: 0,
      maximum: 1000,
    },
  ),
  restartWindowMs: milliseconds('Window of the restart limit.', {
    default: 10 * MINUTE_MS,
    minimum: 1000,
    maximum: DAY_MS,
  }),
  restartBackoffMs: milliseconds('Before the first restart; doubles with each further one.', {
    default: 100,
    minimum: 0,
    maximum: MINUTE_MS,
  }),
});

const metrics = Type.Object({
  enabled: boolean('Measure; without it GET /metrics is empty.', { default: true }),
  auth: choice('Whether GET /metrics needs a key where the API does.', {
    words: ['key', 'none'],
    default: 'key',
  }),
  vllmAliases: boolean('Also publish the vllm:* names that routers and dashboards read.', {
    default: true,
  }),
  cacheMs: milliseconds('Rendered text is reused for scrapes this close together.', {
    default: 75,
    minimum: 0,
    maximum: MINUTE_MS,
  }),
  tenantsMax: integer('Tenants with series of their own; the others are counted together.', {
    default: 100,
    minimum: 0,
    maximum: 10_000,
  }),
  sloFirstTokenMs: milliseconds('Objective for the first token, for the goodput metrics.', {
    default: 2000,
    minimum: 1,
    maximum: HOUR_MS,
  }),
  sloTokenMs: milliseconds('Objective for each further token of a sequence, on average.', {
    default: 100,
    minimum: 1,
    maximum: HOUR_MS,
  }),
  gpuSampleMs: milliseconds('Between two looks at the GPUs through nvidia-smi; 0 never looks.', {
    default: 5000,
    minimum: 0,
    maximum: MINUTE_MS,
  }),
});

const log = Type.Object({
  level: choice('Least severe log line that is written.', {
    words: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
  }),
  slowRequestMs: milliseconds(
    'A generation that takes longer gets a line that says why; 0 writes none.',
    {
      default: 30_000,
      minimum: 0,
      maximum: DAY_MS,
    },
  ),
  content: boolean('Write prompts and completions into the log.', { default: false }),
});

const tracing = Type.Object({
  endpoint: textOrUnset(
    'OTLP/HTTP collector that takes traces, such as http://127.0.0.1:4318; unset: no tracing.',
  ),
  samplePercent: integer('Requests traced, of those whose caller did not decide it.', {
    default: 100,
    minimum: 0,
    maximum: 100,
  }),
  timeoutMs: milliseconds('For the collector to take a batch of spans.', {
    default: 5000,
    minimum: 100,
    maximum: MINUTE_MS,
  }),
});

/** Sections in the order in which they are documented. */
export const CONFIG_SCHEMA = Type.Object({
  server,
  limits,
  timeouts,
  websocket,
  responses,
  drain,
  model,
  engine,
  metrics,
  log,
  tracing,
});

type DeepReadonly<T> = T extends readonly (infer Item)[]
  ? readonly Item[]
  : T extends object
    ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> }
    : T;

/** The whole configuration, frozen at start. */
export type Config = DeepReadonly<Static<typeof CONFIG_SCHEMA>>;
export type ServerConfig = Config['server'];
export type LimitsConfig = Config['limits'];
export type TimeoutsConfig = Config['timeouts'];
export type DrainConfig = Config['drain'];
export type ModelConfig = Config['model'];
export type EngineConfig = Config['engine'];
export type MetricsConfig = Config['metrics'];
export type LogConfig = Config['log'];
export type TracingConfig = Config['tracing'];
