/**
 * The vocabulary as one tree of bytes in flat arrays, in the order of a walk from the root. Walking it
 * with a grammar visits only what the grammar allows: a byte that leads nowhere skips its subtree.
 */
import type { Configurations } from './configurations.ts';
import { DEAD } from './configurations.ts';

export class TokenTrie {
  /** Ids are below this; masks have a bit for each. */
  readonly vocabSize: number;
  readonly #bytes: Uint8Array; // [nodes]
  readonly #depths: Uint16Array; // [nodes] 1 for the first byte of a token
  /** Node after the subtree. */
  readonly #ends: Int32Array; // [nodes]
  /** First token that ends here, or -1; further ones with the same bytes follow by `#sameBytes`. */
  readonly #tokens: Int32Array; // [nodes]
  readonly #sameBytes = new Map<number, readonly number[]>();
  readonly #stack: Int32Array;

  /** @param tokens bytes by id; empty for ids that text never matches: special tokens and gaps */
  constructor(tokens: readonly Uint8Array[], vocabSize: number) {
    this.vocabSize = vocabSize;
    const order = [...tokens.keys()].filter((id) => (tokens[id] as Uint8Array).length > 0);
    order.sort((a, b) => Buffer.compare(tokens[a] as Uint8Array, tokens[b] as Uint8Array));
    const nodes = countNodes(order.map((id) => tokens[id] as Uint8Array));
    this.#bytes = new Uint8Array(nodes);
    this.#depths = new Uint16Array(nodes);
    this.#ends = new Int32Array(nodes);
    this.#tokens = new Int32Array(nodes).fill(-1);
    this.#stack = new Int32Array(
      2 + Math.max(0, ...order.map((id) => (tokens[id] as Uint8Array).length)),
    );
    this.#fill(order, tokens);
  }

  /** Sets the bits of all tokens whose bytes may come next. */
  allow(configurations: Configurations, from: number, mask: Int32Array): void {
    const stack = this.#stack;
    stack[0] = from;
    const nodeCount = this.#bytes.length;
    for (let node = 0; node < nodeCount; ) {
      const depth = this.#depths[node] as number;
      const next = configurations.step(stack[depth - 1] as number, this.#bytes[node] as number);
      if (next === DEAD) {
        node = this.#ends[node] as number;
        continue;
      }
      stack[depth] = next;
      const token = this.#tokens[node] as number;
      if (token >= 0) this.#set(mask, token);
      node++;
    }
  }

  #set(mask: Int32Array, token: number): void {
    mask[token >> 5] = (mask[token >> 5] as number) | (1 << (token & 31));
    const others = this.#sameBytes.get(token);
    if (others === undefined) return;
    for (const id of others) mask[id >> 5] = (mask[id >> 5] as number) | (1 << (id & 31));
  }

  #fill(order: readonly number[], tokens: readonly Uint8Array[]): void {
    const open: number[] = [];
    let previous: Uint8Array = new Uint8Array(0);
    let node = 0;
    for (const id of order) {
      const bytes = tokens[id] as Uint8Array;
      const shared = commonLength(previous, bytes);
      while (open.length > shared) this.#ends[open.pop() as number] = node;
      for (let at = shared; at < bytes.length; at++) {
        this.#bytes[node] = bytes[at] as number;
        this.#depths[node] = at + 1;
        open.push(node++);
      }
      this.#end(open.at(-1) as number, id);
      previous = bytes;
    }
    while (open.length > 0) this.#ends[open.pop() as number] = node;
  }

  #end(node: number, id: number): void {
    const first = this.#tokens[node] as number;
    if (first < 0) this.#tokens[node] = id;
    else this.#sameBytes.set(first, [...(this.#sameBytes.get(first) ?? []), id]);
  }
}

function countNodes(sorted: readonly Uint8Array[]): number {
  let count = 0;
  let previous: Uint8Array = new Uint8Array(0);
  for (const bytes of sorted) {
    count += bytes.length - commonLength(previous, bytes);
    previous = bytes;
  }
  return count;
}

function commonLength(left: Uint8Array, right: Uint8Array): number {
  const most = Math.min(left.length, right.length);
  let length = 0;
  while (length < most && left[length] === right[length]) length++;
  return length;
}
