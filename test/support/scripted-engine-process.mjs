/**
 * A stand-in for the engine process, in plain JavaScript so that it can be forked from a test. It
 * speaks the messages of src/engine/messages.ts; the first prompt token of a sequence tells it what
 * to do, and argv how to start.
 */
const START = process.argv[2] ?? 'serve';
/** First prompt tokens with a meaning; any other sequence gets tokens 100, 101, ... */
const CRASH = 1;
const STOP_SELF = 2;
const STUCK_STEP = 3;
const NEVER_ENDS = 4;
const STOP_TOKEN_MS = 2;

const info = {
  backend: 'scripted',
  isa: 'none',
  dtype: 'none',
  layerCount: 1,
  vocabSize: 1000,
  maxModelLen: 1024,
  blockSize: 64,
  blockCount: 16,
  slotCount: 8,
  kvBytesPerToken: 1,
  weightBytes: 1,
  threadCount: 1,
  tensorParallelSize: 1,
  loadMs: 1,
};

const stats = {
  runningCount: 0,
  waitingCount: 0,
  blocksTotal: 16,
  blocksFree: 16,
  blocksCached: 0,
  blocksUsed: 0,
  prefixQueriedTokens: 0,
  prefixHitTokens: 0,
  preemptionCount: 0,
  recomputedTokens: 0,
  prefillTokens: 0,
  decodeTokens: 0,
  stepCount: 0,
  nanRowCount: 0,
  stepMs: 1,
  scheduleMs: 0,
  profile: null,
  stepPrefillTokens: 0,
  stepDecodeTokens: 0,
  oldestWaitMs: 0,
  blockedReason: 'none',
};

const running = new Map();
let stuckSinceMs = 0;

const finish = (sequence, reason, extra = {}) => ({
  id: sequence.id,
  reason,
  stopTokenId: null,
  errorCode: null,
  errorMessage: null,
  promptTokenCount: sequence.promptTokens.length,
  cachedTokenCount: 0,
  completionTokenCount: sequence.emitted,
  preemptionCount: 0,
  queuedMs: 0,
  firstTokenMs: 1,
  totalMs: 2,
  ...extra,
});

function step(fields) {
  stats.stepCount++;
  stats.runningCount = running.size;
  process.send({
    kind: 'step',
    starts: [],
    tokens: new Int32Array(),
    logprobs: [],
    promptLogprobs: [],
    finishes: [],
    stats,
    ...fields,
  });
}

function add(command) {
  const sequence = { ...command, emitted: 0 };
  const [order] = command.promptTokens;
  if (order === CRASH) process.kill(process.pid, 'SIGKILL');
  if (order === STUCK_STEP) stuckSinceMs = performance.now();
  running.set(command.id, sequence);
  step({ starts: [{ id: command.id, queuedMs: 3, cachedTokenCount: 5 }] });
  if (order === STOP_SELF) process.kill(process.pid, 'SIGSTOP');
}

function emitTokens() {
  if (stuckSinceMs > 0) return;
  for (const sequence of [...running.values()]) {
    if (sequence.id === 0 && START === 'canary-fails') {
      running.delete(0);
      const extra = { errorCode: 'ETAP_ERR_NAN_LOGITS', errorMessage: 'the logits were NaN' };
      step({ finishes: [finish(sequence, 'error', extra)] });
      continue;
    }
    const token = 100 + sequence.emitted++;
    const isLast =
      sequence.promptTokens[0] !== NEVER_ENDS && sequence.emitted === sequence.maxTokens;
    if (isLast) running.delete(sequence.id);
    const asked = sequence.sampling.topLogprobs !== null;
    const logprob = {
      id: token,
      logprob: -1,
      topIds: new Int32Array(),
      topLogprobs: new Float32Array(),
    };
    step({
      tokens: Int32Array.of(sequence.id, token),
      logprobs: asked ? [{ ...logprob, id: sequence.id }] : [],
      finishes: isLast ? [finish(sequence, 'length')] : [],
    });
  }
}

process.on('message', (message) => {
  if (message.kind === 'shutdown') process.exit(0);
  if (message.kind !== 'commands') return;
  for (const id of message.aborts) running.delete(id);
  for (const command of message.adds) add(command);
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => {});

setInterval(emitTokens, STOP_TOKEN_MS);
setInterval(() => {
  const stepAgeMs = stuckSinceMs > 0 ? performance.now() - stuckSinceMs : 0;
  const step = { stepCount: stats.stepCount, stepAgeMs, stepAllowedMs: 100 };
  process.send({ kind: 'heartbeat', ...step, loopLagMs: 0 });
}, 10);

process.send({ kind: 'loading', stage: 'weights', doneBytes: 1, totalBytes: 2 });
if (START === 'load-fails') {
  process.send({ kind: 'failed', code: 'ETAP_ERR_CHECKPOINT', message: 'no such folder' });
} else if (START === 'load-crashes') {
  process.kill(process.pid, 'SIGKILL');
} else if (START !== 'load-hangs') {
  process.send({ kind: 'ready', info });
}
