/** The `prompt` field in its four forms as token ids. */
import type { TextModel } from '../../text/index.ts';
import type { Prompt } from '../generation-request.ts';
import { invalidField } from './invalid.ts';
import type { CompletionBody } from './schemas.ts';
import { checkTokenIds, type ModelFacts } from './to-sampling.ts';

type WirePrompt = CompletionBody['prompt'];

/** One prompt before it is tokenized. */
type PromptSource = string | readonly number[];

type EncodeContext = {
  readonly text: TextModel;
  readonly facts: ModelFacts;
  readonly addBos: boolean;
  /** Keep this many tokens of the end; null keeps all. */
  readonly truncateTo: number | null;
  /** How token ids are echoed as text; null when nothing is. */
  readonly echo: { readonly skipSpecial: boolean } | null;
};

export type EncodedPrompt = Omit<Prompt, 'maxTokens'>;

/** Throws EtapError ETAP_ERR_INVALID_REQUEST for empty prompts and ids the vocabulary lacks. */
export function promptSources(prompt: WirePrompt, facts: ModelFacts): readonly PromptSource[] {
  const sources = split(prompt);
  if (sources.length === 0) throw invalidField('prompt', 'found an empty list; send a prompt');
  for (const source of sources) {
    if (source.length === 0) {
      throw invalidField('prompt', 'found an empty prompt; send text or token ids');
    }
    if (typeof source !== 'string') checkTokenIds('prompt', source, facts);
  }
  return sources;
}

function split(prompt: WirePrompt): readonly PromptSource[] {
  if (typeof prompt === 'string') return [prompt];
  return typeof prompt[0] === 'number'
    ? [prompt as readonly number[]]
    : (prompt as readonly string[] | readonly (readonly number[])[]);
}

/** Tokenizes all prompts of a request at once, off the event loop. */
export function encodePrompts(
  sources: readonly PromptSource[],
  context: EncodeContext,
): Promise<EncodedPrompt[]> {
  return Promise.all(sources.map((source) => encodePrompt(source, context)));
}

async function encodePrompt(source: PromptSource, context: EncodeContext): Promise<EncodedPrompt> {
  const { text, addBos, truncateTo, echo } = context;
  const all =
    typeof source === 'string'
      ? await text.tokenizer.encode(source, { addBos, parseSpecial: true })
      : Int32Array.from(source);
  const cut = truncateTo !== null && truncateTo < all.length;
  const tokens = cut ? all.slice(-truncateTo) : all;
  if (echo === null) return { tokens, echoText: null, hiddenTokenCount: 0 };
  if (typeof source !== 'string' || cut) {
    return { tokens, echoText: text.tokenizer.decode(tokens, echo), hiddenTokenCount: 0 };
  }
  const startsWithBos = addBos && tokens[0] === text.tokenizer.bosTokenId;
  return { tokens, echoText: source, hiddenTokenCount: startsWithBos ? 1 : 0 };
}
