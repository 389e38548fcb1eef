/** Picks log-probabilities out of step results, for the sequences that asked for them. */
import { type StepResult, TOP_LOGPROBS_MAX } from '../executor/index.ts';
import type { StepEffects, StepPlan } from '../scheduler/index.ts';
import type { AddCommand, PromptLogprobs, TokenLogprobs } from './messages.ts';

type Wanted = {
  readonly id: number;
  readonly promptTokenCount: number;
  readonly tokenCount: number | null;
  readonly promptCount: number | null;
  /** Log-probabilities of the prompt tokens computed so far. */
  prompt: TokenLogprobs[];
};

export class StepLogprobs {
  readonly #wanted = new Map<number, Wanted>();

  open(command: AddCommand): void {
    const { topLogprobs, promptLogprobs } = command.sampling;
    if (topLogprobs === null && promptLogprobs === null) return;
    this.#wanted.set(command.id, {
      id: command.id,
      promptTokenCount: command.promptTokens.length,
      tokenCount: topLogprobs,
      promptCount: promptLogprobs,
      prompt: [],
    });
  }

  close(id: number): void {
    this.#wanted.delete(id);
  }

  /** One entry for each emitted token whose sequence asked for log-probabilities, in order. */
  ofTokens(effects: StepEffects, result: StepResult): readonly TokenLogprobs[] {
    if (this.#wanted.size === 0) return [];
    const entries: TokenLogprobs[] = [];
    for (const [i, row] of effects.rows.entries()) {
      const id = effects.tokens[i * 2] as number;
      const count = this.#wanted.get(id)?.tokenCount ?? null;
      if (count === null) continue;
      const from = row * TOP_LOGPROBS_MAX;
      entries.push({
        id,
        logprob: result.logprobs[row] as number,
        topIds: result.topIds.slice(from, from + count),
        topLogprobs: result.topLogprobs.slice(from, from + count),
      });
    }
    return entries;
  }

  /** The prompts whose last row was computed in this step, with tokens 1..n-1. */
  ofPrompts(
    plan: StepPlan,
    result: StepResult,
    refusedSlots: ReadonlySet<number>,
  ): readonly PromptLogprobs[] {
    if (this.#wanted.size === 0) return [];
    const complete: PromptLogprobs[] = [];
    let offset = 0;
    for (const row of plan.rows) {
      if (refusedSlots.has(row.slot)) continue;
      const wanted = this.#wanted.get(row.sequenceId);
      if (row.promptLogprobs && wanted !== undefined) {
        // A prompt that is computed again after a preemption is collected anew.
        if (row.contextBefore === 0) wanted.prompt = [];
        collect(wanted, row, result, offset);
        if (row.sample) complete.push({ id: row.sequenceId, tokens: wanted.prompt });
      }
      offset += row.queryLength;
    }
    return complete;
  }
}

/** Row i of a prompt tells of token i + 1; the last one tells of the first completion token. */
function collect(
  wanted: Wanted,
  row: { readonly contextBefore: number; readonly queryLength: number },
  result: StepResult,
  offset: number,
): void {
  const count = wanted.promptCount ?? 0;
  for (let i = 0; i < row.queryLength; i++) {
    if (row.contextBefore + i + 1 >= wanted.promptTokenCount) return;
    const from = (offset + i) * TOP_LOGPROBS_MAX;
    wanted.prompt.push({
      id: wanted.id,
      logprob: result.promptLogprobs[offset + i] as number,
      topIds: result.promptTopIds.slice(from, from + count),
      topLogprobs: result.promptTopLogprobs.slice(from, from + count),
    });
  }
}
