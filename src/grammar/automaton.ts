/**
 * Deterministic automata over code points, for what plain expressions cannot say: both of two
 * patterns, none of these names, at most so many characters of a pattern.
 */
import {
  ALL_CODE_POINTS,
  type CodePoints,
  contains,
  intersect as intersectSets,
  subtract,
  union,
} from './code-points.ts';
import {
  choice,
  EMPTY,
  type Expression,
  NEVER,
  type RuleSet,
  rule,
  sequence,
} from './expression.ts';
import { unsupportedGrammar } from './grammar-error.ts';
import { NfaBuilder } from './nfa.ts';

export type AutomatonEdge = { readonly set: CodePoints; readonly target: number };

export type AutomatonState = {
  readonly accepts: boolean;
  /** Their sets are disjoint; what is in none of them leads nowhere. */
  readonly edges: readonly AutomatonEdge[];
};

/** State 0 is the first. */
export type Automaton = readonly AutomatonState[];

/** More states than this are refused: they come from patterns whose combinations explode. */
const STATES_MAX = 10_000;

/** The automaton of an expression without rules and special tokens. */
export function automatonOf(expression: Expression): Automaton {
  const nfa = new NfaBuilder(expression);
  return explore([...nfa.closure([nfa.start])], (members) => {
    const edges = members.flatMap((member) => nfa.edges(member));
    return {
      accepts: members.includes(nfa.accept),
      edges: splitEdges(edges).map(({ set, targets }) => ({ set, to: nfa.closure(targets) })),
    };
  });
}

/** What both accept. */
export function intersect(left: Automaton, right: Automaton): Automaton {
  return explore([0, 0], ([l, r]) => {
    const a = left[l as number] as AutomatonState;
    const b = right[r as number] as AutomatonState;
    const edges = a.edges.flatMap((one) =>
      b.edges.map((other) => ({
        set: intersectSets(one.set, other.set),
        to: [one.target, other.target],
      })),
    );
    return { accepts: a.accepts && b.accepts, edges: edges.filter(({ set }) => set.length > 0) };
  });
}

/** What an automaton does not accept. */
export function complement(automaton: Automaton): Automaton {
  const sink = automaton.length;
  const completed = automaton.map(({ accepts, edges }) => {
    const rest = subtract(ALL_CODE_POINTS, union(...edges.map((edge) => edge.set)));
    return {
      accepts: !accepts,
      edges: rest.length === 0 ? edges : [...edges, { set: rest, target: sink }],
    };
  });
  return [...completed, { accepts: true, edges: [{ set: ALL_CODE_POINTS, target: sink }] }];
}

/** Texts of a number of code points. */
export function lengthAutomaton(min: number, max: number | null): Automaton {
  const last = max ?? min;
  if (last >= STATES_MAX) throw tooLarge();
  return Array.from({ length: last + 1 }, (_, length) => ({
    accepts: length >= min,
    edges:
      length < last
        ? [{ set: ALL_CODE_POINTS, target: length + 1 }]
        : max === null
          ? [{ set: ALL_CODE_POINTS, target: length }]
          : [],
  }));
}

export function accepts(automaton: Automaton, value: string): boolean {
  let state = automaton[0];
  for (const character of value) {
    const codePoint = character.codePointAt(0) as number;
    const edge = state?.edges.find(({ set }) => contains(set, codePoint));
    if (edge === undefined) return false;
    state = automaton[edge.target];
  }
  return state?.accepts ?? false;
}

/** As rules of a grammar: one for each state from which the end can be reached. */
export function expressionOf(
  automaton: Automaton,
  rules: RuleSet,
  options: { readonly hint: string; readonly character: (set: CodePoints) => Expression },
): Expression {
  const alive = statesThatCanEnd(automaton);
  if (!alive.has(0)) return NEVER;
  const names = new Map([...alive].map((state) => [state, rules.reserve(options.hint)]));
  for (const [index, name] of names) {
    const { accepts: ends, edges } = automaton[index] as AutomatonState;
    const ways = edges.flatMap(({ set, target }) => {
      const next = names.get(target);
      return next === undefined ? [] : [sequence(options.character(set), rule(next))];
    });
    rules.rules.set(name, choice(ends ? [...ways, EMPTY] : ways));
  }
  return rule(names.get(0) as string);
}

export const isEmpty = (automaton: Automaton): boolean => !statesThatCanEnd(automaton).has(0);

function statesThatCanEnd(automaton: Automaton): Set<number> {
  const sources = automaton.map((): number[] => []);
  for (const [index, { edges }] of automaton.entries()) {
    for (const { target } of edges) sources[target]?.push(index);
  }
  const alive = new Set<number>();
  const pending = [...automaton.keys()].filter((index) => automaton[index]?.accepts);
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    if (alive.has(state)) continue;
    alive.add(state);
    pending.push(...(sources[state] ?? []));
  }
  return alive;
}

type Discovered = {
  readonly accepts: boolean;
  readonly edges: readonly { readonly set: CodePoints; readonly to: readonly number[] }[];
};

/** Numbers states, which are lists of numbers, in the order in which they are met. */
function explore(
  first: readonly number[],
  expand: (members: readonly number[]) => Discovered,
): Automaton {
  const numbers = new Map<string, number>([[first.join(), 0]]);
  const pending: (readonly number[])[] = [first];
  const states: AutomatonState[] = [];
  for (let members = pending[0]; members !== undefined; members = pending[states.length]) {
    const { accepts: ends, edges } = expand(members);
    const setOf = new Map<number, CodePoints>();
    for (const { set, to } of edges) {
      const key = to.join();
      let target = numbers.get(key);
      if (target === undefined) {
        if (pending.length >= STATES_MAX) throw tooLarge();
        target = pending.length;
        numbers.set(key, target);
        pending.push(to);
      }
      setOf.set(target, union(setOf.get(target) ?? [], set));
    }
    states.push({ accepts: ends, edges: [...setOf].map(([target, set]) => ({ set, target })) });
  }
  return states;
}

/** Cuts overlapping edges into disjoint ones, each with all the targets it leads to. */
function splitEdges(
  edges: readonly AutomatonEdge[],
): { readonly set: CodePoints; readonly targets: readonly number[] }[] {
  const starts = new Map<number, number[]>();
  const ends = new Map<number, number[]>();
  for (const { set, target } of edges) {
    for (const [first, last] of set) {
      append(starts, first, target);
      append(ends, last + 1, target);
    }
  }
  const borders = [...new Set([...starts.keys(), ...ends.keys()])].sort((a, b) => a - b);
  const open = new Map<number, number>();
  return borders.flatMap((border, i) => {
    for (const target of ends.get(border) ?? []) open.set(target, (open.get(target) ?? 0) - 1);
    for (const target of starts.get(border) ?? []) open.set(target, (open.get(target) ?? 0) + 1);
    const targets = [...open].filter(([, count]) => count > 0).map(([target]) => target);
    const next = borders[i + 1];
    if (targets.length === 0 || next === undefined) return [];
    return [{ set: [[border, next - 1] as const], targets }];
  });
}

function append(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

const tooLarge = () =>
  unsupportedGrammar('', `the pattern needs more than ${STATES_MAX} states; make it simpler`);
