/** What must hold of every step that the executor gets. */
import {
  FIELD_CONTEXT_BEFORE,
  FIELD_EPOCH,
  FIELD_QUERY_LENGTH,
  FIELD_SLOT,
  SEQUENCE_FIELDS,
  type StepBatch,
} from '../../src/executor/index.ts';
import { BLOCK_SIZE } from '../../src/kv/index.ts';
import type { SchedulerView } from '../../src/scheduler/index.ts';

/** Throws an Error that names the first rule that is broken. */
export function checkBatch(batch: StepBatch, { config, running }: SchedulerView): void {
  let prefillTokens = 0;
  expect(batch.tokenCount <= config.stepTokenCapacity, `${batch.tokenCount} tokens in a step`);
  for (let i = 0; i < batch.sequenceCount; i++) {
    const field = (number: number) => batch.sequences[i * SEQUENCE_FIELDS + number] as number;
    const start = field(FIELD_CONTEXT_BEFORE);
    const end = start + field(FIELD_QUERY_LENGTH);
    const sequence = running.find((one) => one.slot === field(FIELD_SLOT));
    if (sequence === undefined) throw new Error(`Slot ${field(FIELD_SLOT)} runs nothing.`);
    const { id, promptTokenCount, tokenCount } = sequence;
    expect(sequence.inFlight && sequence.epoch === field(FIELD_EPOCH), `${id} is not in flight`);
    expect(sequence.status === 'running', `${id} has a row after its end`);
    const mixed = start < promptTokenCount && end > promptTokenCount;
    expect(!mixed, `a row of ${id} mixes prompt and generated tokens`);
    const whole = end === promptTokenCount || end === tokenCount;
    expect(whole || end % BLOCK_SIZE === 0, `a row of ${id} ends at ${end}`);
    const aligned = start >= promptTokenCount || start % BLOCK_SIZE === 0;
    expect(aligned, `a row of ${id} starts at ${start}`);
    if (start < promptTokenCount || end - start > 1) prefillTokens += end - start;
  }
  const limit = config.fixedPrefillTokens ?? config.prefillTokensMax;
  expect(prefillTokens <= limit, `${prefillTokens} prefill tokens in a step`);
}

function expect(sound: boolean, broken: string): void {
  if (!sound) throw new Error(`Batch: ${broken}.`);
}
