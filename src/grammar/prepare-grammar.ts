/**
 * The last look at a grammar before it is enforced: what can never match is taken out, so that no
 * text that was begun cannot be ended, and rules that begin with themselves are refused.
 */
import { choice, type Expression, type Grammar, NEVER, partsOf } from './expression.ts';
import { invalidGrammar, unsupportedGrammar } from './grammar-error.ts';

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
export function prepareGrammar(grammar: Grammar, where: string): Grammar {
  const pruned = prune(grammar, where);
  refuseLeftRecursion(pruned, where);
  return pruned;
}

function prune({ root, rules }: Grammar, where: string): Grammar {
  const productive = fixpoint(rules, (expression, has) => canMatch(expression, has));
  if (!productive.has(root)) throw invalidGrammar(where, 'nothing can match it');
  const keep = (expression: Expression): Expression => {
    switch (expression.kind) {
      case 'choice':
        return choice(
          expression.items.filter((item) => canMatch(item, productive)).map((item) => keep(item)),
        );
      case 'sequence':
        return { ...expression, items: expression.items.map(keep) };
      case 'repeat':
        return canMatch(expression.item, productive)
          ? { ...expression, item: keep(expression.item) }
          : { kind: 'text', text: '' };
      default:
        return expression;
    }
  };
  const reachable = new Map<string, Expression>();
  const pending = [root];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (reachable.has(name)) continue;
    const expression = keep(rules.get(name) ?? NEVER);
    reachable.set(name, expression);
    pending.push(...rulesIn(expression));
  }
  return { root, rules: reachable };
}

function canMatch(expression: Expression, productive: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'text':
    case 'token':
      return true;
    case 'class':
      return expression.set.length > 0;
    case 'sequence':
      return expression.items.every((item) => canMatch(item, productive));
    case 'choice':
      return expression.items.some((item) => canMatch(item, productive));
    case 'repeat':
      return expression.min === 0 || canMatch(expression.item, productive);
    case 'rule':
      return productive.has(expression.name);
  }
}

/** Names of the rules for which a property holds, where it may depend on itself for other rules. */
function fixpoint(
  rules: Grammar['rules'],
  holds: (expression: Expression, has: ReadonlySet<string>) => boolean,
): ReadonlySet<string> {
  const users = new Map<string, string[]>();
  for (const [name, expression] of rules) {
    for (const used of rulesIn(expression)) users.set(used, [...(users.get(used) ?? []), name]);
  }
  const has = new Set<string>();
  const pending = [...rules.keys()];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const expression = rules.get(name);
    if (expression === undefined || has.has(name) || !holds(expression, has)) continue;
    has.add(name);
    pending.push(...(users.get(name) ?? []));
  }
  return has;
}

function refuseLeftRecursion({ rules }: Grammar, where: string): void {
  const nullable = fixpoint(rules, isNullable);
  const state = new Map<string, 'open' | 'done'>();
  for (const start of rules.keys()) {
    const path: { readonly name: string; readonly next: string[] }[] = [];
    const enter = (name: string) => {
      state.set(name, 'open');
      path.push({ name, next: [...firstRules(rules.get(name) ?? NEVER, nullable)] });
    };
    if (!state.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.next.pop();
      if (next === undefined) {
        state.set(top.name, 'done');
        path.pop();
      } else if (state.get(next) === 'open') {
        throw unsupportedGrammar(
          where,
          'a rule begins with itself (left recursion); write the repetition with *',
        );
      } else if (!state.has(next)) enter(next);
    }
  }
}

function isNullable(expression: Expression, nullable: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'text':
      return expression.text === '';
    case 'sequence':
      return expression.items.every((item) => isNullable(item, nullable));
    case 'choice':
      return expression.items.some((item) => isNullable(item, nullable));
    case 'repeat':
      return expression.min === 0 || isNullable(expression.item, nullable);
    case 'rule':
      return nullable.has(expression.name);
    default:
      return false;
  }
}

/** Rules that may be the first thing of an expression. */
function firstRules(expression: Expression, nullable: ReadonlySet<string>): Set<string> {
  if (expression.kind === 'rule') return new Set([expression.name]);
  const first = new Set<string>();
  for (const part of partsOf(expression)) {
    for (const name of firstRules(part, nullable)) first.add(name);
    if (expression.kind === 'sequence' && !isNullable(part, nullable)) break;
  }
  return first;
}

function* rulesIn(expression: Expression): Generator<string> {
  if (expression.kind === 'rule') yield expression.name;
  for (const part of partsOf(expression)) yield* rulesIn(part);
}
