/** Reads a step batch as the native engine does: every field is checked before anything is computed. */
import type { ExecutorInfo, SlotParams } from './executor.ts';
import type { SimulatedKv, SimulatedTable } from './simulated-kv.ts';
import {
  BLOCK_SIZE,
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
} from './step-batch.ts';

/** An admitted sequence. */
export type SimulatedSlot = {
  readonly params: SlotParams;
  /** Known tokens and the KV values they must leave, by position. */
  readonly tokens: Int32Array;
  readonly values: Int32Array;
  tokenCount: number;
  readonly table: SimulatedTable;
};

/** One sequence's part of a step. */
export type SimulatedRow = {
  readonly index: number;
  readonly slot: SimulatedSlot;
  readonly contextBefore: number;
  readonly queryLength: number;
  readonly sample: boolean;
  readonly promptLogprobs: boolean;
  readonly maskRow: number;
  readonly tokenOffset: number;
};

type Slots = readonly (SimulatedSlot | null)[];

/** Applies the new block-table entries and returns the rows. Throws on whatever is out of range. */
export function checkStep(
  batch: StepBatch,
  info: ExecutorInfo,
  slots: Slots,
  kv: SimulatedKv,
): readonly SimulatedRow[] {
  const deltas = batch.blockDeltas.subarray(0, batch.deltaCount * DELTA_FIELDS);
  applyDeltas(deltas, info, slots, kv);
  const rows: SimulatedRow[] = [];
  const seen = new Set<SimulatedSlot>();
  let tokenOffset = 0;
  for (let index = 0; index < batch.sequenceCount; index++) {
    const row = readRow(batch, index, info, slots);
    expect(row.tokenOffset === tokenOffset, 'token offset', row.tokenOffset);
    expect(!seen.has(row.slot), 'second row of slot', row.slot.table.slot);
    seen.add(row.slot);
    tokenOffset += row.queryLength;
    rows.push(row);
  }
  expect(tokenOffset === batch.tokenCount, 'token count', batch.tokenCount);
  expect(tokenOffset <= info.stepTokenCapacity, 'token count', tokenOffset);
  return rows;
}

function applyDeltas(
  deltas: Int32Array, // [deltas, DELTA_FIELDS]
  info: ExecutorInfo,
  slots: Slots,
  kv: SimulatedKv,
): void {
  for (let at = 0; at < deltas.length; at += DELTA_FIELDS) {
    const slot = deltas[at + DELTA_SLOT] as number;
    const index = deltas[at + DELTA_BLOCK_INDEX] as number;
    const block = deltas[at + DELTA_BLOCK_ID] as number;
    const table = slots[slot]?.table;
    if (table === undefined) throw outOfRange('slot of a block-table entry', slot);
    const fits = index === table.blockCount && index < table.blocks.length;
    expect(fits, 'index of a block-table entry', index);
    expect(block > 0 && block < info.blockCount, 'block of a block-table entry', block);
    kv.append(table, block);
  }
}

function readRow(batch: StepBatch, index: number, info: ExecutorInfo, slots: Slots): SimulatedRow {
  const field = (number: number) => batch.sequences[index * SEQUENCE_FIELDS + number] as number;
  const slot = slots[field(FIELD_SLOT)];
  if (slot === undefined || slot === null) throw outOfRange('slot', field(FIELD_SLOT));
  const contextBefore = field(FIELD_CONTEXT_BEFORE);
  const queryLength = field(FIELD_QUERY_LENGTH);
  const tokenOffset = field(FIELD_TOKEN_OFFSET);
  const maskRow = field(FIELD_MASK_ROW);
  const end = contextBefore + queryLength;
  const last = end === slot.tokenCount;
  const promptLogprobs = field(FIELD_PROMPT_LOGPROBS);
  const wantsPrompt = slot.params.sampling.promptLogprobs !== null;
  expect(field(FIELD_EPOCH) === slot.params.epoch, 'epoch', field(FIELD_EPOCH));
  expect(contextBefore >= 0 && contextBefore < slot.tokenCount, 'context before', contextBefore);
  expect(queryLength >= 1 && end <= slot.tokenCount, 'query length', queryLength);
  expect(end <= slot.table.blockCount * BLOCK_SIZE, 'end of a row past its blocks', end);
  expect(field(FIELD_SAMPLE) === (last ? 1 : 0), 'sample', field(FIELD_SAMPLE));
  expect(maskRow >= -1 && maskRow < info.slotCount, 'mask row', maskRow);
  const prompt = promptLogprobs === 0 || (promptLogprobs === 1 && wantsPrompt);
  expect(prompt, 'prompt logprobs', promptLogprobs);
  for (let i = 0; i < queryLength; i++) {
    const token = batch.tokens[tokenOffset + i];
    expect(token === slot.tokens[contextBefore + i], 'token', token);
  }
  return {
    index,
    slot,
    contextBefore,
    queryLength,
    sample: last,
    promptLogprobs: promptLogprobs === 1,
    maskRow,
    tokenOffset,
  };
}

function expect(sound: boolean, what: string, value: number | undefined): void {
  if (!sound) throw outOfRange(what, value);
}

const outOfRange = (what: string, value: number | undefined): Error =>
  new Error(`The step has a wrong ${what}: ${value}.`);
