/** What the log tells about a generation: counts and times; its texts only where that is configured. */
import type { FinishRecord } from '../engine/index.ts';
import type { EtapError } from '../errors.ts';
import type { TextModel } from '../text/index.ts';
import type { GenerationTrace, SequenceTrace } from '../tracing/index.ts';
import type { GenerationListener } from './generation.ts';
import type { GenerationRequest } from './generation-request.ts';
import type { MessagePart } from './message-parts.ts';
import type { SequenceOutcome } from './sequence-text.ts';

/** Fields of the request's log line. */
export type GenerationSummary = {
  readonly tenant: string;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  /** One reason for each sequence that ended by itself. */
  readonly finishReasons: readonly string[];
  readonly error: string | null;
  /** Longest of the request's sequences, milliseconds. */
  readonly queuedMs: number;
  readonly firstTokenMs: number;
  readonly preemptions: number;
  readonly prompts?: readonly string[];
  readonly completions?: readonly string[];
};

/** Hears what the wire format hears, and remembers what the log wants. */
export class GenerationLog {
  readonly #request: GenerationRequest;
  /** Null keeps texts out of the log. */
  readonly #text: TextModel | null;
  readonly #now: () => number;
  readonly #outcomes: SequenceOutcome[] = [];
  readonly #endedMs: number[] = [];
  readonly #completions: string[] = [];
  #error: EtapError | null = null;

  /** @param now milliseconds that only grow */
  constructor(request: GenerationRequest, text: TextModel | null, now: () => number) {
    this.#request = request;
    this.#text = text;
    this.#now = now;
  }

  /** Puts the log in front of a listener. Single tokens pass it by unless texts are kept. */
  tap(listener: GenerationListener): GenerationListener {
    return {
      onPromptLogprobs: (index, tokens) => listener.onPromptLogprobs(index, tokens),
      onParts: (index, parts, progress) => {
        if (this.#text !== null) {
          this.#completions[index] = (this.#completions[index] ?? '') + parts.map(logged).join('');
        }
        listener.onParts(index, parts, progress);
      },
      onSequenceEnd: (index, outcome) => {
        this.#outcomes.push(outcome);
        this.#endedMs.push(this.#now());
        listener.onSequenceEnd(index, outcome);
      },
      onFailure: (error) => {
        this.#error = error;
        listener.onFailure(error);
      },
    };
  }

  /** Why the generation failed, or null. */
  get error(): EtapError | null {
    return this.#error;
  }

  /** Of the sequences that ended by themselves. */
  get finishes(): readonly FinishRecord[] {
    return this.#outcomes.flatMap(({ finish }) => finish ?? []);
  }

  /** @param epochMs milliseconds since 1970 when the clock stood at 0 */
  trace(model: string, epochMs: number): GenerationTrace {
    const { sampling, prompts } = this.#request;
    const { tenant, promptTokens, cachedTokens, completionTokens, finishReasons, error } =
      this.summary();
    return {
      model,
      tenant,
      maxTokens: Math.max(...prompts.map(({ maxTokens }) => maxTokens)),
      temperature: sampling.temperature,
      topP: sampling.topP,
      seed: sampling.seed,
      promptTokens,
      cachedTokens,
      completionTokens,
      finishReasons,
      error,
      sequences: this.#outcomes.flatMap(({ finish }, index) =>
        finish === null ? [] : sequenceTrace(finish, epochMs + (this.#endedMs[index] ?? 0)),
      ),
    };
  }

  summary(): GenerationSummary {
    const outcomes = this.#outcomes;
    const { finishes } = this;
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return {
      tenant: this.#request.tenant,
      promptTokens: sum(this.#request.prompts.map(({ tokens }) => tokens.length)),
      cachedTokens: sum(outcomes.map(({ cachedTokenCount }) => cachedTokenCount)),
      completionTokens: sum(outcomes.map(({ completionTokenCount }) => completionTokenCount)),
      finishReasons: outcomes.map(({ finishReason }) => finishReason),
      error: this.#error?.code ?? null,
      queuedMs: Math.max(0, ...finishes.map(({ queuedMs }) => queuedMs)),
      firstTokenMs: Math.max(0, ...finishes.map(({ firstTokenMs }) => firstTokenMs)),
      preemptions: sum(finishes.map(({ preemptionCount }) => preemptionCount)),
      ...this.#texts(),
    };
  }

  #texts(): Pick<GenerationSummary, 'prompts' | 'completions'> {
    if (this.#text === null) return {};
    const { tokenizer } = this.#text;
    return {
      prompts: this.#request.prompts.map(({ tokens }) =>
        tokenizer.decode(tokens, { skipSpecial: false }),
      ),
      completions: this.#completions,
    };
  }
}

/** A part as the log has it: its text, or the name of the tool that is called. */
function logged(part: MessagePart): string {
  if (part.kind === 'toolCall') return part.name;
  return part.kind === 'toolCallEnd' ? '' : part.text;
}

/** The engine counts from the arrival of a sequence; `endMs` is since 1970. */
function sequenceTrace(finish: FinishRecord, endMs: number): SequenceTrace {
  const startMs = endMs - finish.totalMs;
  return {
    startMs,
    scheduledMs: startMs + finish.queuedMs,
    firstTokenMs: finish.completionTokenCount > 0 ? startMs + finish.firstTokenMs : null,
    endMs,
    preemptionCount: finish.preemptionCount,
  };
}
