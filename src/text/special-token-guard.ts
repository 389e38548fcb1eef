/**
 * Keeps text that a user wrote from turning into special tokens. Wherever such text contains a
 * special token, or an edge that could become one beside other text, a guard character is put inside.
 * The template then renders as usual; only special tokens without a guard become ids, and the guard
 * is taken out of everything else before it is tokenized.
 */
import { EtapError } from '../errors.ts';

/** Unicode noncharacters: valid in strings, never in text people exchange. */
const GUARD_FIRST = 0xfdd0;
const GUARD_COUNT = 32;

export type Segment = { readonly text: string } | { readonly specialId: number };

type AddedTokenRef = { readonly id: number; readonly content: string };

export class SpecialTokenGuard {
  readonly #idOf: ReadonlyMap<string, number>;
  readonly #pattern: RegExp | null;
  readonly #prefixes = new Set<string>();
  readonly #suffixes = new Set<string>();
  readonly #longest: number;

  constructor(tokens: readonly AddedTokenRef[]) {
    this.#idOf = new Map(tokens.map(({ content, id }) => [content, id]));
    const contents = [...this.#idOf.keys()].sort((a, b) => b.length - a.length);
    this.#longest = contents[0]?.length ?? 0;
    this.#pattern =
      contents.length === 0 ? null : new RegExp(contents.map(escapeForRegExp).join('|'), 'g');
    for (const content of contents) {
      for (let length = 1; length < content.length; length++) {
        this.#prefixes.add(content.slice(0, length));
        this.#suffixes.add(content.slice(length));
      }
    }
  }

  /**
   * A guard character that none of the strings contains.
   * Throws EtapError ETAP_ERR_INVALID_REQUEST when there is none left.
   */
  chooseGuard(strings: Iterable<string>): string {
    const used = new Set<number>();
    for (const text of strings) {
      for (let index = 0; index < text.length; index++) {
        const offset = text.charCodeAt(index) - GUARD_FIRST;
        if (offset >= 0 && offset < GUARD_COUNT) used.add(offset);
      }
    }
    for (let offset = 0; offset < GUARD_COUNT; offset++) {
      if (!used.has(offset)) return String.fromCharCode(GUARD_FIRST + offset);
    }
    throw new EtapError(
      'ETAP_ERR_INVALID_REQUEST',
      'the messages contain all 32 Unicode noncharacters U+FDD0 to U+FDEF; remove one of them',
      'messages',
    );
  }

  /** `text` with a guard wherever it holds a special token or an edge of one. */
  protect(text: string, guard: string, except: ReadonlySet<string> = NO_EXCEPTIONS): string {
    if (this.#pattern === null || text === '') return text;
    const inside = text.replace(this.#pattern, (token) =>
      except.has(token) ? token : token.slice(0, 1) + guard + token.slice(1),
    );
    const before = this.#edge(inside, this.#suffixes, 'start') ? guard : '';
    const after = this.#edge(inside, this.#prefixes, 'end') ? guard : '';
    return before + inside + after;
  }

  /** Cuts rendered text into special tokens and ordinary text, guards removed. */
  segments(rendered: string, guard: string): Segment[] {
    const segments: Segment[] = [];
    const addText = (text: string) => {
      const clean = text.replaceAll(guard, '');
      if (clean !== '') segments.push({ text: clean });
    };
    let from = 0;
    for (const match of this.#pattern === null ? [] : rendered.matchAll(this.#pattern)) {
      addText(rendered.slice(from, match.index));
      segments.push({ specialId: this.#idOf.get(match[0]) ?? -1 });
      from = match.index + match[0].length;
    }
    addText(rendered.slice(from));
    return segments;
  }

  #edge(text: string, parts: ReadonlySet<string>, side: 'start' | 'end'): boolean {
    const longest = Math.min(this.#longest - 1, text.length);
    for (let length = 1; length <= longest; length++) {
      const part = side === 'start' ? text.slice(0, length) : text.slice(text.length - length);
      if (parts.has(part)) return true;
    }
    return false;
  }
}

const NO_EXCEPTIONS: ReadonlySet<string> = new Set();

function escapeForRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
