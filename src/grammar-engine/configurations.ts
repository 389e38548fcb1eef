/**
 * Every way in which a grammar can go on after some text, as one numbered configuration: a set of
 * (state, stack) pairs. Configurations and the steps between them are found when they are first
 * needed and kept, so that a text that was met before costs one table look-up a byte.
 */
import { END_STATE, type Program } from './program.ts';

/** Nothing can follow. */
export const DEAD = 1;
const UNKNOWN = 0;

const STACK_DEPTH_MAX = 2048;
/** Pairs of one configuration: a grammar that is so ambiguous is given up. */
const PAIRS_MAX = 4096;
const INITIAL_ROOM = 64;

/** The grammar is too ambiguous to be followed, or it has met too many configurations. */
export class ConfigurationLimit extends Error {}

export type Configuration = {
  /** Flat pairs (state, stack) of states that read a byte. */
  readonly readers: readonly number[];
  /** Flat triples (token id, next state, stack). */
  readonly tokens: readonly number[];
  /** The text may end here. */
  readonly canEnd: boolean;
};

const NOTHING: Configuration = { readers: [], tokens: [], canEnd: false };

export class Configurations {
  readonly start: number;
  readonly #program: Program;
  readonly #countMax: number;
  readonly #known = new Map<string, number>();
  readonly #all: Configuration[] = [NOTHING, NOTHING];
  /** Next configuration by [configuration, byte class]. */
  #steps: Int32Array;
  /** Stacks as chains of nodes: the state to return to, and the node below; node 0 is empty. */
  readonly #returnStates: number[] = [0];
  readonly #parents: number[] = [0];
  readonly #depths: number[] = [0];
  readonly #stacks = new Map<number, number>();

  /** @param countMax configurations that may be met before ConfigurationLimit is thrown */
  constructor(program: Program, countMax: number) {
    this.#program = program;
    this.#countMax = countMax;
    this.#steps = new Int32Array(INITIAL_ROOM * program.byteClassCount);
    this.start = this.#enter([[program.start, 0]]);
  }

  get count(): number {
    return this.#all.length;
  }

  at(id: number): Configuration {
    return this.#all[id] ?? NOTHING;
  }

  /** The configuration after one more byte, or DEAD. */
  step(id: number, byte: number): number {
    const { byteClasses, byteClassCount } = this.#program;
    const known = this.#steps[id * byteClassCount + (byteClasses[byte] as number)] as number;
    return known === UNKNOWN ? this.#discover(id, byte) : known;
  }

  /** The configuration after a special token, or DEAD. */
  stepToken(id: number, token: number): number {
    const { tokens } = this.at(id);
    const next: [number, number][] = [];
    for (let i = 0; i < tokens.length; i += 3) {
      if (tokens[i] === token) next.push([tokens[i + 1] as number, tokens[i + 2] as number]);
    }
    return this.#enter(next);
  }

  #discover(id: number, byte: number): number {
    const { states, byteClasses, byteClassCount } = this.#program;
    const { readers } = this.at(id);
    const next: [number, number][] = [];
    for (let i = 0; i < readers.length; i += 2) {
      const state = states[readers[i] as number];
      if (state?.kind !== 'bytes') continue;
      const { edges } = state;
      for (let at = 0; at < edges.length; at += 3) {
        if ((edges[at] as number) <= byte && byte <= (edges[at + 1] as number)) {
          next.push([edges[at + 2] as number, readers[i + 1] as number]);
        }
      }
    }
    const found = this.#enter(next);
    this.#steps[id * byteClassCount + (byteClasses[byte] as number)] = found;
    return found;
  }

  /** Follows everything that reads nothing, and numbers what is then possible. */
  #enter(from: readonly (readonly [state: number, stack: number])[]): number {
    if (from.length === 0) return DEAD;
    const { states, ruleStarts } = this.#program;
    const stateCount = states.length;
    const seen = new Set<number>();
    const readers: number[] = [];
    const tokens: number[] = [];
    let canEnd = false;
    const pending = from.map(([state, stack]) => stack * stateCount + state);
    for (let pair = pending.pop(); pair !== undefined; pair = pending.pop()) {
      if (seen.has(pair)) continue;
      if (seen.size >= PAIRS_MAX) throw new ConfigurationLimit('too many ways to go on');
      seen.add(pair);
      const stack = Math.floor(pair / stateCount);
      const index = pair - stack * stateCount;
      const state = states[index];
      switch (state?.kind) {
        case 'bytes':
          readers.push(pair);
          break;
        case 'token':
          tokens.push(pair);
          break;
        case 'split':
          for (const next of state.next) pending.push(stack * stateCount + next);
          break;
        case 'call': {
          const inner = this.#push(state.next, stack);
          const start = ruleStarts.get(state.rule) as number;
          if (inner !== null) pending.push(inner * stateCount + start);
          break;
        }
        case 'end':
          if (stack === 0) canEnd = true;
          else {
            const below = this.#parents[stack] as number;
            pending.push(below * stateCount + (this.#returnStates[stack] as number));
          }
          break;
      }
    }
    return this.#number(readers, tokens, canEnd);
  }

  /** The stack with a state to return to on top; null when it would be too deep. */
  #push(returnState: number, stack: number): number | null {
    // Nothing is left to do after the call.
    if (returnState === END_STATE) return stack;
    const depth = (this.#depths[stack] as number) + 1;
    if (depth > STACK_DEPTH_MAX) return null;
    const key = stack * this.#program.states.length + returnState;
    let node = this.#stacks.get(key);
    if (node === undefined) {
      node = this.#parents.push(stack) - 1;
      this.#returnStates.push(returnState);
      this.#depths.push(depth);
      this.#stacks.set(key, node);
    }
    return node;
  }

  #number(readers: number[], tokens: number[], canEnd: boolean): number {
    if (readers.length === 0 && tokens.length === 0 && !canEnd) return DEAD;
    readers.sort((a, b) => a - b);
    tokens.sort((a, b) => a - b);
    const key = `${readers.join()};${tokens.join()};${canEnd}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#all.length >= this.#countMax) throw new ConfigurationLimit('too many configurations');
    const { states, byteClassCount } = this.#program;
    const unpack = (pair: number) => {
      const stack = Math.floor(pair / states.length);
      return [pair - stack * states.length, stack] as const;
    };
    const id =
      this.#all.push({
        readers: readers.flatMap((pair) => unpack(pair)),
        tokens: tokens.flatMap((pair) => {
          const [index, stack] = unpack(pair);
          const state = states[index];
          return state?.kind === 'token' ? [state.id, state.next, stack] : [];
        }),
        canEnd,
      }) - 1;
    this.#known.set(key, id);
    if ((id + 1) * byteClassCount > this.#steps.length) {
      const grown = new Int32Array(this.#steps.length * 2);
      grown.set(this.#steps);
      this.#steps = grown;
    }
    return id;
  }
}
