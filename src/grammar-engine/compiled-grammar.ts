/** A grammar ready to be followed, with what has been found out about it so far. */
import { type GrammarSpec, grammarOf } from '../grammar/index.ts';
import { Configurations, DEAD } from './configurations.ts';
import { type Program, programOf } from './program.ts';
import type { TokenTrie } from './token-trie.ts';

/** Configurations kept for one grammar; after that many it starts afresh. */
const CONFIGURATIONS_MAX = 20_000;
/** Bytes of the masks kept for one grammar. */
const MASK_BYTES_MAX = 8 * 1024 * 1024;

export class CompiledGrammar {
  readonly #program: Program;
  readonly #trie: TokenTrie;
  readonly #masks = new Map<number, Int32Array>();
  #configurations: Configurations;
  #generation = 0;

  /** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
  constructor(spec: GrammarSpec, trie: TokenTrie) {
    this.#program = programOf(grammarOf(spec));
    this.#trie = trie;
    this.#configurations = new Configurations(this.#program, CONFIGURATIONS_MAX);
  }

  get start(): number {
    return this.#configurations.start;
  }

  /** Changes when the numbers of configurations lose their meaning. */
  get generation(): number {
    return this.#generation;
  }

  get stateCount(): number {
    return this.#program.states.length;
  }

  /** Forgets every configuration; matchers must find theirs again. */
  restart(): void {
    this.#generation++;
    this.#masks.clear();
    this.#configurations = new Configurations(this.#program, CONFIGURATIONS_MAX);
  }

  /** The configuration after the bytes of a token, or DEAD. Throws ConfigurationLimit. */
  stepBytes(from: number, bytes: Uint8Array): number {
    let configuration = from;
    for (const byte of bytes) {
      configuration = this.#configurations.step(configuration, byte);
      if (configuration === DEAD) break;
    }
    return configuration;
  }

  /** The configuration after a special token, or DEAD. */
  stepToken(from: number, token: number): number {
    return this.#configurations.stepToken(from, token);
  }

  canEnd(configuration: number): boolean {
    return this.#configurations.at(configuration).canEnd;
  }

  /** Whether the text may end here, and cannot go on. */
  isComplete(configuration: number): boolean {
    const { readers, tokens, canEnd } = this.#configurations.at(configuration);
    return canEnd && readers.length === 0 && tokens.length === 0;
  }

  /** [ceil(vocabSize / 32)] bits of the tokens that may come next; not to be changed. */
  mask(configuration: number): Int32Array {
    const known = this.#masks.get(configuration);
    if (known !== undefined) return known;
    const mask = new Int32Array(Math.ceil(this.#trie.vocabSize / 32));
    this.#trie.allow(this.#configurations, configuration, mask);
    const { tokens } = this.#configurations.at(configuration);
    for (let i = 0; i < tokens.length; i += 3) {
      const token = tokens[i] as number;
      mask[token >> 5] = (mask[token >> 5] as number) | (1 << (token & 31));
    }
    if ((this.#masks.size + 1) * mask.byteLength > MASK_BYTES_MAX) this.#masks.clear();
    this.#masks.set(configuration, mask);
    return mask;
  }
}
