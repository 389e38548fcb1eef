/** A checkpoint's files in memory, with ways to change a header, the config or the index. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeTinyCheckpoint } from './tiny-checkpoint.ts';

export const SINGLE_FILE = 'model.safetensors';
export const INDEX_FILE = 'model.safetensors.index.json';
export const CONFIG_FILE = 'config.json';
export const SHARDS = ['model-1-of-2.safetensors', 'model-2-of-2.safetensors'] as const;

const HEADER_SIZE_BYTES = 8;

const BASES = {
  bf16: { layerCount: 2 },
  fp8: { layerCount: 2, weights: 'fp8' },
  sharded: { layerCount: 2, shardCount: 2 },
} as const;

export type Base = keyof typeof BASES;

/** A header entry as the format has it; damaged ones may be anything. */
export type HeaderEntry = { dtype: unknown; shape: unknown; data_offsets: unknown };
export type Header = Record<string, HeaderEntry>;
type JsonObject = Record<string, unknown>;

const soundFiles = new Map<Base, ReadonlyMap<string, Buffer>>();

export class CheckpointFiles {
  readonly #files: Map<string, Buffer>;

  private constructor(files: ReadonlyMap<string, Buffer>) {
    this.#files = new Map(files);
  }

  /** A checkpoint that opens. */
  static sound(base: Base): CheckpointFiles {
    let files = soundFiles.get(base);
    if (files === undefined) {
      const folder = mkdtempSync(join(tmpdir(), 'etap-sound-'));
      writeTinyCheckpoint(folder, BASES[base]);
      files = new Map(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
      rmSync(folder, { recursive: true });
      soundFiles.set(base, files);
    }
    return new CheckpointFiles(files);
  }

  write(folder: string): void {
    mkdirSync(folder, { recursive: true });
    for (const [name, bytes] of this.#files) writeFileSync(join(folder, name), bytes);
  }

  delete(name: string): void {
    this.#files.delete(name);
  }

  /** Replaces a file by what `change` makes of its bytes. */
  edit(name: string, change: (bytes: Buffer) => Buffer): void {
    this.#files.set(name, change(this.#bytes(name)));
  }

  editText(name: string, change: (text: string) => string): void {
    this.edit(name, (bytes) => Buffer.from(change(bytes.toString())));
  }

  editConfig(change: (config: JsonObject) => void): void {
    this.#editJson(CONFIG_FILE, change);
  }

  editIndex(change: (index: { weight_map: JsonObject } & JsonObject) => void): void {
    this.#editJson(INDEX_FILE, (index) => {
      change(index as { weight_map: JsonObject } & JsonObject);
    });
  }

  /** Changes the parsed header; the data stays, and its offsets as the entries have them. */
  editHeader(name: string, change: (header: Header) => void): void {
    this.editHeaderText(name, (text) => {
      const header: Header = JSON.parse(text);
      change(header);
      return JSON.stringify(header);
    });
  }

  editHeaderText(name: string, change: (text: string) => string | Buffer): void {
    this.edit(name, (bytes) => {
      const dataBegin = HEADER_SIZE_BYTES + this.headerBytes(name);
      const header = Buffer.from(change(bytes.toString('utf8', HEADER_SIZE_BYTES, dataBegin)));
      return Buffer.concat([sizeField(header.length), header, bytes.subarray(dataBegin)]);
    });
  }

  /** Another header size; nothing else moves. */
  setHeaderSize(name: string, size: bigint): void {
    this.edit(name, (bytes) => Buffer.concat([sizeField(size), bytes.subarray(HEADER_SIZE_BYTES)]));
  }

  headerBytes(name: string): number {
    return Number(this.#bytes(name).readBigUInt64LE());
  }

  /** Removes a tensor's entry and its bytes: a file that is whole, but lacks the tensor. */
  removeTensor(name: string, tensor: string): void {
    this.#spliceData(name, tensor, (begin, end, header) => {
      delete header[tensor];
      return { removeBegin: begin, removeEnd: end, insert: Buffer.alloc(0) };
    });
  }

  /** Puts bytes that belong to no tensor before the data of `tensor`. */
  insertHole(name: string, tensor: string, byteCount: number): void {
    this.#spliceData(name, tensor, (begin) => ({
      removeBegin: begin,
      removeEnd: begin,
      insert: Buffer.alloc(byteCount),
    }));
  }

  #spliceData(
    name: string,
    tensor: string,
    plan: (
      begin: number,
      end: number,
      header: Header,
    ) => { removeBegin: number; removeEnd: number; insert: Buffer },
  ): void {
    this.edit(name, (bytes) => {
      const dataBegin = HEADER_SIZE_BYTES + this.headerBytes(name);
      const header: Header = JSON.parse(bytes.toString('utf8', HEADER_SIZE_BYTES, dataBegin));
      const [begin, end] = offsetsOf(header, tensor);
      const { removeBegin, removeEnd, insert } = plan(begin, end, header);
      const shift = insert.length - (removeEnd - removeBegin);
      for (const [key, entry] of Object.entries(header)) {
        if (key === '__metadata__') continue;
        const [first, last] = offsetsOf(header, key);
        if (first >= removeBegin) entry.data_offsets = [first + shift, last + shift];
      }
      const data = bytes.subarray(dataBegin);
      const text = Buffer.from(JSON.stringify(header));
      return Buffer.concat([
        sizeField(text.length),
        text,
        data.subarray(0, removeBegin),
        insert,
        data.subarray(removeEnd),
      ]);
    });
  }

  #editJson(name: string, change: (value: JsonObject) => void): void {
    this.editText(name, (text) => {
      const value: JsonObject = JSON.parse(text);
      change(value);
      return JSON.stringify(value);
    });
  }

  #bytes(name: string): Buffer {
    const bytes = this.#files.get(name);
    if (bytes === undefined) throw new Error(`the checkpoint has no file ${name}`);
    return bytes;
  }
}

/** The sound offsets of a tensor. */
export function offsetsOf(header: Header, tensor: string): readonly [number, number] {
  const offsets = entryOf(header, tensor).data_offsets;
  if (!Array.isArray(offsets)) throw new Error(`${tensor} has no offsets`);
  return [Number(offsets[0]), Number(offsets[1])];
}

export function entryOf(header: Header, tensor: string): HeaderEntry {
  const entry = header[tensor];
  if (entry === undefined) throw new Error(`the header has no tensor ${tensor}`);
  return entry;
}

function sizeField(size: number | bigint): Buffer {
  const field = Buffer.alloc(HEADER_SIZE_BYTES);
  field.writeBigUInt64LE(BigInt(size));
  return field;
}
