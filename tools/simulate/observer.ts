/** Listens to the engine as its parent does, and compares what it hears with what is due. */
import type {
  AddCommand,
  EngineMessage,
  FinishRecord,
  PromptLogprobs,
  TokenLogprobs,
} from '../../src/engine/messages.ts';
import type { Expected } from './oracle.ts';

type Heard = {
  readonly command: AddCommand;
  readonly expected: Expected;
  tokenCount: number;
  started: boolean;
  promptReported: boolean;
  aborted: boolean;
  finish: FinishRecord | null;
};

export class Observer {
  readonly #heard = new Map<number, Heard>();
  readonly #preemptionsMax: number;
  readonly #mayEndWith: ReadonlySet<string>;
  #lastStepCount = 0;
  #digest = 0;

  /** @param mayEndWith error codes that the scenario may cause */
  constructor(preemptionsMax: number, mayEndWith: ReadonlySet<string>) {
    this.#preemptionsMax = preemptionsMax;
    this.#mayEndWith = mayEndWith;
  }

  /** Hash of everything heard: equal runs sound equal. */
  get digest(): number {
    return this.#digest;
  }

  get openCount(): number {
    return [...this.#heard.values()].filter((one) => one.finish === null).length;
  }

  added(command: AddCommand, expected: Expected): void {
    this.#heard.set(command.id, {
      command,
      expected,
      tokenCount: 0,
      started: false,
      promptReported: false,
      aborted: false,
      finish: null,
    });
  }

  aborted(id: number): void {
    const heard = this.#heard.get(id);
    if (heard !== undefined && heard.finish === null) heard.aborted = true;
  }

  /** Throws an Error that says what is wrong. */
  hear(message: EngineMessage): void {
    if (message.kind !== 'step') return;
    const { stats } = message;
    expect(stats.stepCount >= this.#lastStepCount, 'the step count fell');
    this.#lastStepCount = stats.stepCount;
    const blocks = stats.blocksFree + stats.blocksUsed;
    expect(blocks === stats.blocksTotal, 'free and used blocks are not all');
    for (const { id } of message.starts) {
      const heard = this.#of(id);
      expect(!heard.started, `${id} started twice`);
      heard.started = true;
    }
    for (const report of message.promptLogprobs) this.#hearPrompt(report);
    const logprobs = [...message.logprobs];
    for (let i = 0; i < message.tokens.length; i += 2) {
      const id = message.tokens[i] as number;
      const own = logprobs[0]?.id === id ? (logprobs.shift() ?? null) : null;
      this.#hearToken(id, message.tokens[i + 1] as number, own);
    }
    expect(logprobs.length === 0, 'log-probabilities of a token that was not sent');
    for (const finish of message.finishes) this.#hearFinish(finish);
  }

  #hearPrompt({ id, tokens }: PromptLogprobs): void {
    const heard = this.#of(id);
    expect(!heard.promptReported && heard.tokenCount === 0, `${id}: prompt reported late or twice`);
    heard.promptReported = true;
    const due = heard.expected.promptLogprobs;
    expect(tokens.length === due.length, `${id}: ${tokens.length} prompt log-probabilities`);
    for (const [i, token] of tokens.entries()) {
      expect(token.logprob === Math.fround(due[i] as number), `${id}: prompt log-probability ${i}`);
    }
  }

  #hearToken(id: number, token: number, logprobs: TokenLogprobs | null): void {
    const heard = this.#of(id);
    const { sampling } = heard.command;
    const at = heard.tokenCount++;
    const due = heard.expected.tokens[at];
    this.#digest = (Math.imul(this.#digest, 31) + id * 7919 + token) | 0;
    expect(heard.finish === null, `${id} sent a token after its end`);
    expect(heard.started, `${id} sent a token before its start`);
    expect(token === due, `${id} token ${at} is ${token}, due is ${due}`);
    expect((logprobs !== null) === (sampling.topLogprobs !== null), `${id}: log-probabilities`);
    if (logprobs !== null) {
      const dueLogprob = Math.fround(heard.expected.logprobs[at] as number);
      expect(logprobs.logprob === dueLogprob, `${id} log-probability ${at}`);
      expect(logprobs.topIds.length === sampling.topLogprobs, `${id} best tokens ${at}`);
    }
    const prompt = sampling.promptLogprobs === null || heard.promptReported;
    expect(prompt, `${id} sent a token before its prompt log-probabilities`);
  }

  #hearFinish(finish: FinishRecord): void {
    const heard = this.#of(finish.id);
    const { id, reason } = finish;
    expect(heard.finish === null, `${id} ended twice`);
    heard.finish = finish;
    this.#digest = (Math.imul(this.#digest, 31) + id * 104_729 + reason.length) | 0;
    const stopTokens = finish.stopTokenId === null ? 0 : 1;
    const counted = heard.tokenCount + stopTokens === finish.completionTokenCount;
    expect(counted, `${id}: ${finish.completionTokenCount} tokens counted`);
    expect(finish.promptTokenCount === heard.command.promptTokens.length, `${id}: prompt tokens`);
    expect(finish.cachedTokenCount % 64 === 0, `${id}: cached tokens are not whole blocks`);
    expect(finish.cachedTokenCount < finish.promptTokenCount, `${id}: the whole prompt was cached`);
    expect(finish.preemptionCount <= this.#preemptionsMax, `${id}: too many preemptions`);
    const ordered = finish.queuedMs <= finish.firstTokenMs && finish.firstTokenMs <= finish.totalMs;
    expect(finish.queuedMs >= 0 && ordered, `${id}: its times are out of order`);
    this.#checkReason(heard, finish);
  }

  #checkReason({ expected, aborted }: Heard, finish: FinishRecord): void {
    const { id, reason, errorCode } = finish;
    if (reason === 'abort') expect(aborted, `${id} was never aborted`);
    if (reason === 'error') {
      expect(
        this.#mayEndWith.has(errorCode ?? ''),
        `${id} ended with ${errorCode}: ${finish.errorMessage}`,
      );
    }
    if (reason !== 'stop' && reason !== 'length') return;
    expect(reason === expected.reason, `${id} ended with ${reason}, due is ${expected.reason}`);
    const all = finish.completionTokenCount === expected.tokens.length;
    expect(all, `${id} ended after ${finish.completionTokenCount} tokens`);
    const stop = reason === 'stop' ? expected.tokens.at(-1) : null;
    expect(finish.stopTokenId === stop, `${id} stopped at ${finish.stopTokenId}, due is ${stop}`);
  }

  #of(id: number): Heard {
    const heard = this.#heard.get(id);
    if (heard === undefined) throw new Error(`Sequence ${id} is unknown.`);
    return heard;
  }
}

function expect(sound: boolean, wrong: string): void {
  if (!sound) throw new Error(`Observed: ${wrong}.`);
}
