/** What a request may ask of a sequence's text: a language and its source, as it crosses the process border. */
import { grammarOfChoices } from './choices.ts';
import { parseEbnf } from './ebnf/parse-ebnf.ts';
import { type Grammar, RuleSet, repeat, rule, sequence, text } from './expression.ts';
import { at } from './grammar-error.ts';
import { JsonRules } from './json.ts';
import { grammarOfSchema } from './json-schema/compile-schema.ts';
import { prepareGrammar } from './prepare-grammar.ts';
import { wholeMatch } from './regex/parse-regex.ts';
import { grammarOfToolCalls, type ToolCallsSpec } from './tool-calls.ts';

/** One language: which texts are allowed. */
export type GrammarLanguage =
  /** Any JSON object. */
  | { readonly kind: 'jsonObject' }
  | { readonly kind: 'jsonSchema'; readonly schema: unknown; readonly path: string }
  /** The whole text must match. */
  | { readonly kind: 'regex'; readonly source: string; readonly path: string }
  | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly path: string }
  | { readonly kind: 'ebnf'; readonly source: string; readonly path: string }
  | ToolCallsSpec;

/** Free text in front of the grammar. */
export type FreeStart = {
  /** The grammar begins after these tokens, which are the end of thinking or the begin of a call. */
  readonly tokens: readonly number[];
  /** Whether the whole text may end before they came; the grammar then had no say. */
  readonly mayEnd: boolean;
};

export type GrammarSpec = {
  readonly language: GrammarLanguage;
  /** Null: from the first token. */
  readonly startAfter: FreeStart | null;
};

/** New lines that models write between the end of thinking and their answer. */
const LEADING_NEW_LINES_MAX = 2;

/**
 * The grammar of a specification, ready to be enforced. Throws EtapError ETAP_ERR_GRAMMAR,
 * ETAP_ERR_GRAMMAR_UNSUPPORTED.
 */
export function grammarOf({ language, startAfter }: GrammarSpec): Grammar {
  const path = 'path' in language ? language.path : '';
  const grammar = prepareGrammar(grammarOfLanguage(language), path);
  return startAfter === null || startAfter.mayEnd ? grammar : afterNewLines(grammar);
}

function grammarOfLanguage(language: GrammarLanguage): Grammar {
  switch (language.kind) {
    case 'jsonObject': {
      const rules = new RuleSet();
      return rules.grammar(new JsonRules(rules).object);
    }
    case 'jsonSchema':
      return grammarOfSchema(language.schema, language.path);
    case 'regex':
      return new RuleSet().grammar(at(language.path, () => wholeMatch(language.source)));
    case 'choice':
      return grammarOfChoices(language.choices, language.path);
    case 'ebnf':
      return at(language.path, () => parseEbnf(language.source));
    case 'toolCalls':
      return grammarOfToolCalls(language);
  }
}

function afterNewLines({ root, rules }: Grammar): Grammar {
  const name = 'after new lines';
  const lead = repeat(text('\n'), 0, LEADING_NEW_LINES_MAX);
  return { root: name, rules: new Map(rules).set(name, sequence(lead, rule(root))) };
}
