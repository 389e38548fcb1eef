/** StepPlan (sequences) -> StepBatch (flat arrays of the executor); the only file that knows both. */
import {
  DELTA_BLOCK_ID,
  DELTA_BLOCK_INDEX,
  DELTA_FIELDS,
  DELTA_SLOT,
  FIELD_CONTEXT_BEFORE,
  FIELD_EPOCH,
  FIELD_MASK_ROW,
  FIELD_PROMPT_LOGPROBS,
  FIELD_QUERY_LENGTH,
  FIELD_SAMPLE,
  FIELD_SLOT,
  FIELD_TOKEN_OFFSET,
  SEQUENCE_FIELDS,
  type StepBatch,
} from '../executor/index.ts';
import type { PlanRow, StepPlan } from '../scheduler/index.ts';

const NO_MASK = -1;

/** The masks of constrained sequences. */
export interface MaskSource {
  /** Int32 words of one mask. */
  readonly maskWords: number;
  /**
   * Writes the mask for the token after `completionTokenCount` others at `offset` of `masks`; false
   * where the sequence has none. Throws when the mask at hand is for another place.
   */
  writeMask(
    sequenceId: number,
    completionTokenCount: number,
    masks: Int32Array,
    offset: number,
  ): boolean;
}

const NO_MASKS: MaskSource = { maskWords: 0, writeMask: () => false };

/** Writes the rows of a plan, except those of `refusedSlots`, into the executor's batch. */
export function packStep(
  plan: StepPlan,
  batch: StepBatch,
  refusedSlots: ReadonlySet<number>,
  masks: MaskSource = NO_MASKS,
): void {
  let maskCount = 0;
  batch.stepIndex = plan.stepIndex;
  batch.sequenceCount = 0;
  batch.tokenCount = 0;
  batch.deltaCount = 0;
  for (const row of plan.rows) {
    if (refusedSlots.has(row.slot)) continue;
    const masked = row.sample && packMask(row, maskCount, batch, masks);
    packSequence(row, batch, masked ? maskCount++ : NO_MASK);
    packDeltas(row, batch);
    packTokens(row, batch);
  }
}

function packSequence(row: PlanRow, batch: StepBatch, maskRow: number): void {
  const { sequences } = batch;
  const at = batch.sequenceCount * SEQUENCE_FIELDS;
  if (at + SEQUENCE_FIELDS > sequences.length) throw overflow('sequences', sequences.length);
  sequences[at + FIELD_SLOT] = row.slot;
  sequences[at + FIELD_EPOCH] = row.epoch;
  sequences[at + FIELD_CONTEXT_BEFORE] = row.contextBefore;
  sequences[at + FIELD_QUERY_LENGTH] = row.queryLength;
  sequences[at + FIELD_SAMPLE] = row.sample ? 1 : 0;
  sequences[at + FIELD_MASK_ROW] = maskRow;
  sequences[at + FIELD_TOKEN_OFFSET] = batch.tokenCount;
  sequences[at + FIELD_PROMPT_LOGPROBS] = row.promptLogprobs ? 1 : 0;
  batch.sequenceCount++;
}

function packMask(row: PlanRow, maskRow: number, batch: StepBatch, source: MaskSource): boolean {
  const known = row.contextBefore + row.queryLength - row.promptTokenCount;
  const offset = maskRow * source.maskWords;
  return source.writeMask(row.sequenceId, known, batch.masks, offset);
}

function packDeltas(row: PlanRow, batch: StepBatch): void {
  const { blockDeltas } = batch;
  for (let index = row.newBlockFrom; index < row.newBlockTo; index++) {
    const at = batch.deltaCount * DELTA_FIELDS;
    if (at + DELTA_FIELDS > blockDeltas.length) throw overflow('blockDeltas', blockDeltas.length);
    blockDeltas[at + DELTA_SLOT] = row.slot;
    blockDeltas[at + DELTA_BLOCK_INDEX] = index;
    blockDeltas[at + DELTA_BLOCK_ID] = row.blocks[index] as number;
    batch.deltaCount++;
  }
}

function packTokens(row: PlanRow, batch: StepBatch): void {
  const { tokens } = batch;
  if (batch.tokenCount + row.queryLength > tokens.length) throw overflow('tokens', tokens.length);
  for (let i = 0; i < row.queryLength; i++) {
    tokens[batch.tokenCount + i] = row.tokens[row.contextBefore + i] as number;
  }
  batch.tokenCount += row.queryLength;
}

const overflow = (field: string, length: number): Error =>
  new Error(`The step does not fit into ${field} of the executor's batch, length ${length}.`);
