/** The exact exports of etap.node (native/binding/addon.cpp). Only this folder sees them. */
import type { SamplingParams } from '../sampling-params.ts';
import type { ExecutorInfo } from './executor.ts';

/** 0 and '' let the native side choose. */
export type AddonOptions = {
  readonly modelFolder: string;
  readonly backend: 'auto' | 'cpu' | 'cuda' | 'reference';
  readonly isa: string;
  readonly threadCount: number;
  readonly tensorParallelSize: number;
  readonly kvMemoryBytes: number;
  readonly maxModelLen: number;
  readonly slotCount: number;
  readonly stepTokenCapacity: number;
  /** null lets the native side choose. */
  readonly strict: boolean | null;
};

export type AddonSlotParams = {
  readonly epoch: number;
  readonly sampling: SamplingParams;
  readonly promptTokenCount: number;
  readonly tokens: Int32Array;
  readonly minTokens: number;
  readonly stopTokenIds: readonly number[];
};

/** Offset in bytes and length in 4-byte elements of one array of the arena. */
export type ArenaExtent = readonly [offsetBytes: number, length: number];

export type AddonOpened = {
  readonly info: ExecutorInfo;
  readonly arena: ArrayBuffer;
  /** In the order of StepArena::Array (native/runtime/step_arena.h). */
  readonly extents: readonly ArenaExtent[];
  /** The native side's numbers, to be compared with ours. */
  readonly blockSize: number;
  readonly topLogprobsMax: number;
  readonly sequenceFields: number;
  readonly deltaFields: number;
  readonly profileFields: number;
};

/** An Error whose `code` is an ETAP_ERR_* code. */
export type AddonError = Error & { readonly code?: string };

/** Called on the JavaScript thread: progress, then opened or failed, then steps, then closed. */
export type AddonListener = {
  onProgress(stage: string, doneBytes: number, totalBytes: number): void;
  onOpened(opened: AddonOpened): void;
  /** Loading failed; the engine is gone. */
  onFailed(error: AddonError): void;
  onStep(sequence: number, micros: number, error: AddonError | null): void;
  onClosed(): void;
};

/** Methods throw AddonError. */
export interface AddonEngine {
  admit(slot: number, params: AddonSlotParams): void;
  release(slot: number): void;
  /** Hands the arena's batch to the engine thread; `sequence` comes back in onStep. */
  submit(sequence: number, sequenceCount: number, tokenCount: number, deltaCount: number): void;
  /** May be called while loading; onClosed follows once. */
  close(): void;
}

export type Addon = {
  /** Instruction sets of the CPU backend that this machine runs, best first. */
  cpuFeatures(): string[];
  readonly Engine: new (options: AddonOptions, listener: AddonListener) => AddonEngine;
};
