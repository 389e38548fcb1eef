/** The cases of the comparison, and how much faster than the better peer Etap means to be. */
import type { OfflineCase } from '../offline.ts';
import type { BenchDtype } from '../shapes.ts';
import type { PeerName } from './config.ts';

export type PeerRun = {
  readonly peer: PeerName;
  readonly model: string;
  /** `turns`: the batch one sequence after another, at the peer's own speed for this batch. */
  readonly kind: 'decode' | 'prefill' | 'batch' | 'turns' | 'serving';
  /** Sequences at a time, where it is not the batch of the case. */
  readonly batch?: number;
};

export type CompareCase = {
  readonly name: string;
  readonly shape: string;
  readonly dtype: BenchDtype;
  readonly own: OfflineCase | { readonly kind: 'serving'; readonly streams: number };
  readonly peers: readonly PeerRun[];
  readonly target: number;
  readonly stretch: number;
};

const BOTH: readonly PeerName[] = ['ik_llama.cpp', 'llama.cpp'];

function decode(
  shape: string,
  depth: number,
  [target, stretch]: readonly [number, number],
  dtype: BenchDtype = 'bf16',
): CompareCase {
  const model = `${shape}-${dtype === 'fp8' ? 'q8_0' : 'bf16'}`;
  // At depth llama.cpp is several times slower than ik_llama.cpp, and its prefill takes very long.
  const peers = depth > 4096 ? BOTH.slice(0, 1) : BOTH;
  return {
    name: `decode-${shape}-${dtype}-${depth}`,
    shape,
    dtype,
    own: { kind: 'decode', batch: 1, depth },
    peers: peers.map((peer) => ({ peer, model, kind: 'decode' })),
    target,
    stretch,
  };
}

function batch(
  shape: string,
  [count, depth]: readonly [number, number],
  [target, stretch]: readonly [number, number],
  turns: number,
): CompareCase {
  const model = `${shape}-bf16`;
  return {
    name: `decode-${shape}-${count}x${depth}`,
    shape,
    dtype: 'bf16',
    own: { kind: 'decode', batch: count, depth },
    peers: [
      { peer: 'llama.cpp', model, kind: 'batch' },
      // It computes each sequence of a batch against the cache of all: fewer at a time are faster.
      { peer: 'ik_llama.cpp', model, kind: 'turns', batch: turns },
    ],
    target,
    stretch,
  };
}

function prefill(length: number, [target, stretch]: readonly [number, number]): CompareCase {
  const peers = length > 512 ? BOTH.slice(0, 1) : BOTH;
  return {
    name: `prefill-S-${length}`,
    shape: 'S',
    dtype: 'bf16',
    own: { kind: 'prefill', promptTokens: length },
    peers: peers.map((peer) => ({ peer, model: 'S-bf16', kind: 'prefill' })),
    target,
    stretch,
  };
}

/** Depths ascend within a shape: a peer's server computes each only on top of the one before. */
export const COMPARE_CASES: readonly CompareCase[] = [
  decode('S', 0, [1, 1.1]),
  decode('S', 4096, [1.15, 1.4]),
  decode('S', 16_384, [1.5, 2]),
  decode('S', 32_768, [1.6, 2.2]),
  decode('S', 0, [1, 1.1], 'fp8'),
  batch('S', [16, 4096], [3, 4], 1),
  batch('S', [32, 512], [3, 5], 4),
  prefill(512, [1.2, 1.5]),
  prefill(8192, [1.8, 2.2]),
  decode('M', 0, [1, 1.1]),
  decode('M', 16_384, [1.1, 1.4]),
  decode('M', 32_768, [1.2, 1.6]),
  batch('M', [32, 512], [1.6, 1.9], 8),
  {
    name: 'serving-S-32',
    shape: 'S',
    dtype: 'bf16',
    own: { kind: 'serving', streams: 32 },
    peers: BOTH.map((peer) => ({ peer, model: 'S-bf16', kind: 'serving' })),
    target: 4,
    stretch: 5.5,
  },
];
