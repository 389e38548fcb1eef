/**
 * KV blocks of the simulated executor. Every slot is tagged with the value and position written to
 * it and by whom, and a read is checked against what the reader must find there: so a wrong block
 * table, a block written by two sequences or one reused too early does not go unnoticed.
 */
import { BLOCK_SIZE } from './step-batch.ts';

/** A block table of one admitted sequence; entries past `blockCount` mean nothing. */
export type SimulatedTable = {
  readonly slot: number;
  readonly epoch: number;
  readonly blocks: Int32Array;
  blockCount: number;
};

const NEVER_WRITTEN = -1;

export class SimulatedKv {
  readonly #values: Int32Array; // [blocks, 64]
  readonly #positions: Int32Array; // [blocks, 64]
  readonly #writerSlots: Int32Array; // [blocks]
  readonly #writerEpochs: Int32Array; // [blocks]
  readonly #holders: Int32Array; // [blocks] admitted sequences with the block in their table

  constructor(blockCount: number) {
    this.#values = new Int32Array(blockCount * BLOCK_SIZE);
    this.#positions = new Int32Array(blockCount * BLOCK_SIZE).fill(NEVER_WRITTEN);
    this.#writerSlots = new Int32Array(blockCount).fill(NEVER_WRITTEN);
    this.#writerEpochs = new Int32Array(blockCount);
    this.#holders = new Int32Array(blockCount);
  }

  append(table: SimulatedTable, block: number): void {
    table.blocks[table.blockCount++] = block;
    this.#holders[block] = (this.#holders[block] as number) + 1;
  }

  release(table: SimulatedTable): void {
    for (let i = 0; i < table.blockCount; i++) {
      const block = table.blocks[i] as number;
      this.#holders[block] = (this.#holders[block] as number) - 1;
    }
    table.blockCount = 0;
  }

  read(table: SimulatedTable, position: number): number {
    return this.#values[slotOf(table, position)] as number;
  }

  /** Throws when the block is in another admitted table too, or the table has no such position. */
  write(table: SimulatedTable, position: number, value: number): void {
    const index = Math.floor(position / BLOCK_SIZE);
    const block = table.blocks[index] as number;
    if (index >= table.blockCount) {
      throw new Error(`${nameOf(table)} has no block for position ${position}.`);
    }
    if (this.#holders[block] !== 1) {
      throw new Error(
        `${nameOf(table)} writes block ${block}, which ${this.#holders[block]} tables hold.`,
      );
    }
    const slot = slotOf(table, position);
    this.#values[slot] = value;
    this.#positions[slot] = position;
    this.#writerSlots[block] = table.slot;
    this.#writerEpochs[block] = table.epoch;
  }

  /** Throws unless the first `length` positions hold `expected`, written for those positions. */
  verify(table: SimulatedTable, length: number, expected: Int32Array): void {
    for (let position = 0; position < length; position++) {
      const slot = slotOf(table, position);
      if (this.#values[slot] === expected[position] && this.#positions[slot] === position) continue;
      const block = Math.floor(slot / BLOCK_SIZE);
      throw new Error(
        `${nameOf(table)} finds foreign KV at position ${position}: block ${block} was last ` +
          `written by slot ${this.#writerSlots[block]} epoch ${this.#writerEpochs[block]} for ` +
          `position ${this.#positions[slot]}.`,
      );
    }
  }
}

const nameOf = ({ slot, epoch }: SimulatedTable): string => `Slot ${slot} epoch ${epoch}`;

function slotOf(table: SimulatedTable, position: number): number {
  const block = table.blocks[Math.floor(position / BLOCK_SIZE)] as number;
  return block * BLOCK_SIZE + (position % BLOCK_SIZE);
}
