/** What a grammar worker does, without the thread: compiles, follows and masks. */
import { EtapError } from '../errors.ts';
import type { GrammarSpec } from '../grammar/index.ts';
import { CompiledGrammar } from './compiled-grammar.ts';
import { ConfigurationLimit } from './configurations.ts';
import { Matcher, type TokenTable } from './matcher.ts';
import {
  type FromWorker,
  MASK_CAN_END,
  MASK_COMPLETE,
  MASK_FIELDS,
  MASK_POSITION,
  MASK_SEQUENCE,
  type ToWorker,
} from './messages.ts';
import { TokenTrie } from './token-trie.ts';

/** Grammars kept for requests to come: at most so many, and so many states of them together. */
const CACHED_GRAMMARS_MAX = 64;
const CACHED_STATES_MAX = 1_000_000;

export class GrammarService {
  readonly #table: TokenTable;
  readonly #trie: TokenTrie;
  readonly #maskWords: number;
  readonly #matchers = new Map<number, Matcher>();
  /** Least recently used first. */
  readonly #grammars = new Map<string, CompiledGrammar>();
  #stateCount = 0;

  /** @param tokens bytes by id, empty for special tokens @param vocabSize width of the logits */
  constructor(tokens: readonly Uint8Array[], vocabSize: number) {
    const none = new Uint8Array(0);
    this.#table = { bytes: (id) => tokens[id] ?? none };
    this.#trie = new TokenTrie(tokens.slice(0, vocabSize), vocabSize);
    this.#maskWords = Math.ceil(vocabSize / 32);
  }

  get matcherCount(): number {
    return this.#matchers.size;
  }

  get cachedCount(): number {
    return this.#grammars.size;
  }

  handle(message: ToWorker): readonly FromWorker[] {
    switch (message.kind) {
      case 'open':
        return this.#open(message);
      case 'accept':
        return this.#accept(message.pairs);
      case 'close':
        this.#matchers.delete(message.id);
        return [];
    }
  }

  #open({ id, spec, tokens }: ToWorker & { readonly kind: 'open' }): readonly FromWorker[] {
    return this.#answer([id], () => {
      const matcher = new Matcher(this.#grammar(spec), this.#table);
      for (const token of tokens) matcher.accept(token);
      this.#matchers.set(id, matcher);
    });
  }

  #accept(pairs: Int32Array): readonly FromWorker[] {
    const ids = Array.from({ length: pairs.length / 2 }, (_, i) => pairs[i * 2] as number);
    return this.#answer(ids, (id, i) => {
      this.#matchers.get(id)?.accept(pairs[i * 2 + 1] as number);
    });
  }

  /** Does something with each sequence and answers with the masks of those that got on. */
  #answer(
    ids: readonly number[],
    advance: (id: number, index: number) => void,
  ): readonly FromWorker[] {
    const failures: FromWorker[] = [];
    const entries = new Int32Array(ids.length * MASK_FIELDS);
    const masks = new Int32Array(ids.length * this.#maskWords);
    let count = 0;
    for (const [index, id] of ids.entries()) {
      try {
        advance(id, index);
        const matcher = this.#matchers.get(id);
        if (matcher === undefined) continue;
        masks.set(matcher.mask(), count * this.#maskWords);
        const at = count * MASK_FIELDS;
        entries[at + MASK_SEQUENCE] = id;
        entries[at + MASK_POSITION] = matcher.position;
        entries[at + MASK_CAN_END] = matcher.canEnd ? 1 : 0;
        entries[at + MASK_COMPLETE] = matcher.isComplete ? 1 : 0;
        count++;
      } catch (error) {
        this.#matchers.delete(id);
        failures.push(failureOf(id, error));
      }
    }
    if (count === 0) return failures;
    const reply = {
      kind: 'masks',
      entries: entries.slice(0, count * MASK_FIELDS),
      masks: count === ids.length ? masks : masks.slice(0, count * this.#maskWords),
    } as const;
    return [...failures, reply];
  }

  #grammar(spec: GrammarSpec): CompiledGrammar {
    const key = JSON.stringify(spec);
    const known = this.#grammars.get(key);
    if (known !== undefined) {
      this.#grammars.delete(key);
      this.#grammars.set(key, known);
      return known;
    }
    const grammar = new CompiledGrammar(spec, this.#trie);
    this.#grammars.set(key, grammar);
    this.#stateCount += grammar.stateCount;
    this.#evict();
    return grammar;
  }

  /** Matchers that follow an evicted grammar keep it for themselves. */
  #evict(): void {
    for (const [key, { stateCount }] of this.#grammars) {
      const few = this.#grammars.size <= CACHED_GRAMMARS_MAX;
      if (this.#grammars.size <= 1 || (few && this.#stateCount <= CACHED_STATES_MAX)) return;
      this.#grammars.delete(key);
      this.#stateCount -= stateCount;
    }
  }
}

function failureOf(id: number, error: unknown): FromWorker {
  if (error instanceof EtapError) {
    return { kind: 'failed', id, code: error.code, message: error.message };
  }
  const code = 'ETAP_ERR_GRAMMAR_STOPPED';
  if (error instanceof ConfigurationLimit) {
    const message = 'the grammar is too ambiguous to be followed any further; make it simpler';
    return { kind: 'failed', id, code, message };
  }
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', id, code, message: `the grammar could not be followed: ${reason}` };
}
