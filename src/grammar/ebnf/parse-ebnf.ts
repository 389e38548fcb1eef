/**
 * Grammars that clients write, in the common subset of GBNF (llama.cpp) and XGrammar's EBNF:
 *   root ::= item ("," item)*     # a comment
 * Rules, texts in double quotes, classes in brackets, `.`, `( )`, `|`, and `* + ? {n} {n,} {n,m}`.
 */
import { ALL_CODE_POINTS, type CodePoints, codePoints, complement } from '../code-points.ts';
import {
  choice,
  EMPTY,
  type Expression,
  type Grammar,
  oneOf,
  repeat,
  rule,
  sequence,
  text,
} from '../expression.ts';
import { invalidGrammar, unsupportedGrammar } from '../grammar-error.ts';
import { type EbnfToken, ebnfTokens } from './ebnf-tokens.ts';

const ROOT = 'root';
const NESTING_MAX = 32;
const REPEAT_MAX = 10_000;

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
export function parseEbnf(source: string): Grammar {
  return new EbnfParser(ebnfTokens(source)).grammar();
}

class EbnfParser {
  readonly #tokens: readonly EbnfToken[];
  readonly #rules = new Map<string, Expression>();
  readonly #used = new Map<string, EbnfToken>();
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly EbnfToken[]) {
    this.#tokens = tokens;
  }

  grammar(): Grammar {
    while (this.#peek().kind !== 'end') this.#rule();
    if (!this.#rules.has(ROOT)) throw invalidGrammar('', `the grammar has no rule "${ROOT}"`);
    for (const [name, token] of this.#used) {
      if (!this.#rules.has(name)) throw this.#wrong(token, 'this rule is not defined');
    }
    return { root: ROOT, rules: this.#rules };
  }

  #rule(): void {
    const name = this.#take();
    if (name.kind !== 'name') throw this.#wrong(name, 'a rule must begin with its name');
    if (this.#take().kind !== 'define') throw this.#wrong(name, "after a rule's name comes ::=");
    if (this.#rules.has(name.text)) throw this.#wrong(name, 'this rule is defined twice');
    this.#rules.set(name.text, this.#choice());
  }

  #choice(): Expression {
    const items = [this.#sequence()];
    while (this.#peek().kind === '|') {
      this.#take();
      items.push(this.#sequence());
    }
    return choice(items);
  }

  #sequence(): Expression {
    const items: Expression[] = [];
    while (this.#startsItem()) items.push(this.#item());
    return items.length === 0 ? EMPTY : sequence(...items);
  }

  #startsItem(): boolean {
    const { kind } = this.#peek();
    if (kind === 'name') return this.#tokens[this.#next + 1]?.kind !== 'define';
    return kind === 'text' || kind === 'class' || kind === '.' || kind === '(';
  }

  #item(): Expression {
    let item = this.#primary();
    for (let token = this.#peek(); ; token = this.#peek()) {
      if (token.kind === '*') item = repeat(item, 0, null);
      else if (token.kind === '+') item = repeat(item, 1, null);
      else if (token.kind === '?') item = repeat(item, 0, 1);
      else if (token.kind === 'count') item = this.#counted(item, token);
      else return item;
      this.#take();
    }
  }

  #counted(item: Expression, token: EbnfToken & { readonly kind: 'count' }): Expression {
    const { min, max } = token;
    if ((max ?? min) > REPEAT_MAX) {
      throw unsupportedGrammar('', `the grammar repeats more than ${REPEAT_MAX} times`);
    }
    if (max !== null && max < min) throw this.#wrong(token, 'the counts are the wrong way round');
    return repeat(item, min, max);
  }

  #primary(): Expression {
    const token = this.#take();
    switch (token.kind) {
      case 'name':
        if (!this.#used.has(token.text)) this.#used.set(token.text, token);
        return rule(token.text);
      case 'text':
        return text(token.text);
      case 'class':
        return oneOf(classOf(token));
      case '.':
        return oneOf(ALL_CODE_POINTS);
      case '(':
        return this.#group(token);
      default:
        throw this.#wrong(token, 'this cannot stand here');
    }
  }

  #group(open: EbnfToken): Expression {
    if (++this.#depth > NESTING_MAX) {
      throw unsupportedGrammar('', `the grammar nests deeper than ${NESTING_MAX} groups`);
    }
    const inside = this.#choice();
    if (this.#take().kind !== ')') throw this.#wrong(open, 'this group is not closed');
    this.#depth--;
    return inside;
  }

  #peek(): EbnfToken {
    return this.#tokens[this.#next] as EbnfToken;
  }

  #take(): EbnfToken {
    const token = this.#peek();
    if (token.kind !== 'end') this.#next++;
    return token;
  }

  #wrong = ({ line }: EbnfToken, problem: string) => invalidGrammar('', `line ${line}: ${problem}`);
}

function classOf({ ranges, negated }: EbnfToken & { readonly kind: 'class' }): CodePoints {
  const set = codePoints(...ranges);
  return negated ? complement(set) : set;
}
