/** One of several texts. */
import { choice, type Grammar, RuleSet, text } from './expression.ts';
import { invalidGrammar, unsupportedGrammar } from './grammar-error.ts';

const CHOICES_MAX = 1000;
const CHARACTERS_MAX = 64 * 1024;

/** Throws EtapError ETAP_ERR_GRAMMAR, ETAP_ERR_GRAMMAR_UNSUPPORTED. */
export function grammarOfChoices(choices: readonly string[], path: string): Grammar {
  if (choices.length === 0) throw invalidGrammar(path, 'there is nothing to choose from');
  if (choices.length > CHOICES_MAX) {
    throw unsupportedGrammar(
      path,
      `found ${choices.length} choices, at most ${CHOICES_MAX} are allowed`,
    );
  }
  const characters = choices.reduce((sum, one) => sum + one.length, 0);
  if (characters > CHARACTERS_MAX) {
    throw unsupportedGrammar(
      path,
      `the choices have ${characters} characters, at most ${CHARACTERS_MAX} are allowed`,
    );
  }
  if (choices.includes('')) throw invalidGrammar(path, 'an empty text cannot be chosen');
  return new RuleSet().grammar(choice([...new Set(choices)].map(text)));
}
