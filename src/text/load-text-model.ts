/** Builds the text side of a model from its checkpoint folder. */
import { EtapError } from '../errors.ts';
import { ChatTemplate } from './chat-template.ts';
import { StreamingDetokenizer } from './detokenizer.ts';
import { type ModelFiles, readModelFiles } from './model-files.ts';
import { startsInsideThinking, THINK_MARKERS, TOOL_MARKERS } from './output-markers.ts';
import { SpecialTokenGuard } from './special-token-guard.ts';
import type {
  ChatMessage,
  Detokenizer,
  GenerationDefaults,
  RenderedPrompt,
  RenderOptions,
  TextModel,
} from './text-model.ts';
import { BpeTokenizer } from './tokenizer.ts';
import { Vocabulary } from './vocabulary.ts';

/** Throws EtapError ETAP_ERR_TOKENIZER naming the file and what is wrong with it. */
export function loadTextModel(folder: string): TextModel {
  return new CheckpointTextModel(readModelFiles(folder));
}

/** Assistant text may carry its own thinking: templates look for these markers to cut it off. */
const OWN_THINKING: ReadonlySet<string> = new Set(THINK_MARKERS);

class CheckpointTextModel implements TextModel {
  readonly tokenizer: BpeTokenizer;
  readonly eosTokenIds: readonly number[];
  readonly defaults: GenerationDefaults;
  readonly markerIds: TextModel['markerIds'];
  readonly #vocabulary: Vocabulary;
  readonly #guard: SpecialTokenGuard;
  readonly #template: ChatTemplate | null;

  constructor(files: ModelFiles) {
    this.#vocabulary = new Vocabulary(files.tokenizer);
    const idOf = new Map(this.#vocabulary.addedTokens.map(({ content, id }) => [content, id]));
    this.markerIds = Object.fromEntries(
      TOOL_MARKERS.flatMap((marker) => {
        const id = idOf.get(marker);
        return id === undefined ? [] : [[marker, id]];
      }),
    );
    const bosTokenId = idOf.get(files.bosToken ?? '') ?? null;
    const eosTokenId = idOf.get(files.eosToken ?? '');
    const rules = { bosTokenId, addBos: files.addBosToken };
    this.tokenizer = new BpeTokenizer(files.tokenizer, this.#vocabulary, rules);
    const eosTokenIds = eosTokenId === undefined ? [] : [eosTokenId];
    this.eosTokenIds = [...new Set([...files.eosTokenIds, ...eosTokenIds])];
    this.defaults = files.defaults;
    this.#guard = new SpecialTokenGuard(this.#vocabulary.addedTokens);
    const tokens = { bosToken: files.bosToken ?? '', eosToken: files.eosToken ?? '' };
    this.#template =
      files.chatTemplate === null ? null : new ChatTemplate(files.chatTemplate, tokens);
  }

  get callForm(): TextModel['callForm'] {
    return this.#template?.traits.callForm ?? 'v3';
  }

  get hasChatTemplate(): boolean {
    return this.#template !== null;
  }

  async renderChat(
    messages: readonly ChatMessage[],
    options: RenderOptions,
  ): Promise<RenderedPrompt> {
    if (this.#template === null) {
      throw new EtapError(
        'ETAP_ERR_INVALID_REQUEST',
        'this model has no chat template; use /v1/completions, or add chat_template to its ' +
          'tokenizer_config.json',
        'messages',
      );
    }
    const guard = this.#guard.chooseGuard(stringsIn([messages, options.tools, options.kwargs]));
    const protect = (text: string, { ownThinking }: { readonly ownThinking: boolean }) =>
      this.#guard.protect(text, guard, ownThinking ? OWN_THINKING : undefined);
    const rendered = this.#template.render(messages, options, protect);
    const tokens = await this.tokenizer.encodeSegments(this.#guard.segments(rendered, guard));
    // Markers that a user wrote have the guard inside, and so say nothing here.
    const endsInThinking = startsInsideThinking(rendered);
    return { text: rendered.replaceAll(guard, ''), tokens, endsInThinking };
  }

  createDetokenizer(options: { readonly skipSpecial: boolean }): Detokenizer {
    return new StreamingDetokenizer(this.#vocabulary, options);
  }
}

/** Every string in a JSON-like value, keys included. */
function* stringsIn(value: unknown): Iterable<string> {
  if (typeof value === 'string') yield value;
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield* Object.keys(value);
  for (const item of Object.values(value)) yield* stringsIn(item);
}
