/** A text model without files: bytes are tokens, and any further token can be made up as needed. */
import { StringDecoder } from 'node:string_decoder';
import type {
  ChatMessage,
  Detokenizer,
  GenerationDefaults,
  RenderedPrompt,
  RenderOptions,
  TextModel,
  Tokenizer,
} from '../../src/text/index.ts';

export const BOS_ID = 256;
export const EOS_ID = 257;
const FIRST_FREE_ID = 258;

export class FakeTextModel implements TextModel {
  readonly eosTokenIds = [EOS_ID];
  readonly hasChatTemplate = true;
  readonly callForm = 'v3.1';
  readonly markerIds = {};
  /** What the last chat was rendered with. */
  rendered: RenderOptions | null = null;
  renderedMessages: readonly ChatMessage[] = [];
  defaults: GenerationDefaults = {};
  /** Calls of the tokenizer and the template, for tests of what must not reach them. */
  encodeCount = 0;
  readonly #bytes: Uint8Array[] = [
    ...Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)),
    Buffer.from('<bos>'),
    Buffer.from('<eos>'),
  ];
  readonly #ids = new Map<string, number>();
  /** Held by tests that want to act while a prompt is tokenized. */
  gate: Promise<void> = Promise.resolve();

  /** The id of a token that stands for these bytes. */
  token(bytes: Uint8Array): number {
    const [only] = bytes;
    if (bytes.length === 1 && only !== undefined) return only;
    const key = Buffer.from(bytes).toString('latin1');
    const id = this.#ids.get(key) ?? this.#bytes.push(Uint8Array.from(bytes)) - 1;
    this.#ids.set(key, id);
    return id;
  }

  /** One token for each text. */
  tokens(...texts: readonly string[]): number[] {
    return texts.map((text) => this.token(Buffer.from(text)));
  }

  readonly tokenizer: Tokenizer = {
    vocabSize: FIRST_FREE_ID,
    bosTokenId: BOS_ID,
    encode: async (text, { addBos }) => {
      this.encodeCount++;
      await this.gate;
      return Int32Array.from([...(addBos ? [BOS_ID] : []), ...Buffer.from(text)]);
    },
    tokenBytes: (id) => this.#bytes[id] ?? new Uint8Array(0),
    tokenText: (id) => Buffer.from(this.#bytes[id] ?? []).toString(),
    isSpecial: (id) => id === BOS_ID || id === EOS_ID,
    decode: (ids, options) => {
      const detokenizer = this.createDetokenizer(options);
      return Array.from(ids, (id) => detokenizer.push(id)).join('') + detokenizer.flush();
    },
  };

  async renderChat(
    messages: readonly ChatMessage[],
    options: RenderOptions,
  ): Promise<RenderedPrompt> {
    this.rendered = options;
    this.renderedMessages = messages;
    const turns = messages.map(({ role, content }) => `[${role}]${content ?? ''}`).join('');
    const text = `<bos>${turns}${options.addGenerationPrompt ? '[assistant]' : ''}`;
    const plain = text.slice('<bos>'.length);
    const tokens = await this.tokenizer.encode(plain, { addBos: true, parseSpecial: false });
    return { text, tokens, endsInThinking: options.thinking === true };
  }

  createDetokenizer({ skipSpecial }: { readonly skipSpecial: boolean }): Detokenizer {
    const decoder = new StringDecoder('utf8');
    const { tokenizer } = this;
    return {
      push: (id) => {
        if (skipSpecial && tokenizer.isSpecial(id)) return '';
        return decoder.write(Buffer.from(tokenizer.tokenBytes(id)));
      },
      flush: () => decoder.end(),
    };
  }
}
