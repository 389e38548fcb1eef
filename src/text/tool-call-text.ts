/**
 * The inside of one tool call, as DeepSeek models write it:
 *   V3, R1:  function SEP name NEWLINE ```json NEWLINE arguments NEWLINE ```
 *   V3.1:    name SEP arguments
 * Text comes in any pieces; the name is told once, then the arguments as they grow, fence removed.
 */

export type CallEvent = { readonly name: string } | { readonly argumentsText: string };

export type CallEnd = {
  readonly events: readonly CallEvent[];
  /** Text of a call that never came to its name: it was no call. */
  readonly nameless: string;
};

const FENCED_KIND = 'function';
const FENCE_START = /^\s*([^\n]*?)[ \t]*\n\s*(?:```[a-z]*(?![a-z])\s*)?(?=[^\s`])/;
/** White space and back ticks at the end: they may turn out to be the closing fence. */
const POSSIBLE_FENCE_END = /[\s`]*$/;
const FENCE_END = /\s*```\s*$/;

export class ToolCallText {
  #state: 'kind' | 'fencedName' | 'arguments' = 'kind';
  #fenced = false;
  #named = false;
  #pending = '';

  /** The name was told. */
  get named(): boolean {
    return this.#named;
  }

  text(text: string): CallEvent[] {
    this.#pending += text;
    if (this.#state === 'kind') return [];
    return this.#state === 'fencedName' ? this.#afterFencedKind() : this.#moreArguments();
  }

  /** The separator came: what stood before it is the kind, or the name. */
  separator(): CallEvent[] {
    if (this.#state !== 'kind') return [];
    const before = this.#pending.trim();
    this.#pending = '';
    if (before === FENCED_KIND) {
      this.#state = 'fencedName';
      return [];
    }
    return [this.#begin(before)];
  }

  /** The call is over, by its end marker or because the text ended. */
  end(): CallEnd {
    if (this.#state === 'kind') {
      return { events: [], nameless: this.#pending.trim() === '' ? '' : this.#pending };
    }
    const events: CallEvent[] = this.#state === 'fencedName' ? this.#nameWithoutFence() : [];
    const rest = this.#fenced ? this.#pending.replace(FENCE_END, '') : this.#pending.trimEnd();
    this.#pending = '';
    return { events: rest === '' ? events : [...events, { argumentsText: rest }], nameless: '' };
  }

  #begin(name: string): CallEvent {
    this.#state = 'arguments';
    this.#named = true;
    return { name };
  }

  #afterFencedKind(): CallEvent[] {
    // A function that is itself called "function", in the V3.1 form.
    if (this.#pending.trimStart().startsWith('{')) {
      return [this.#begin(FENCED_KIND), ...this.#moreArguments()];
    }
    const match = FENCE_START.exec(this.#pending);
    if (match === null) return [];
    this.#fenced = true;
    this.#pending = this.#pending.slice(match[0].length);
    return [this.#begin(match[1] ?? ''), ...this.#moreArguments()];
  }

  /** The call ended before any arguments: its name may still be there. */
  #nameWithoutFence(): CallEvent[] {
    const [name = ''] = this.#pending.trim().split('\n');
    this.#pending = '';
    return name === '' ? [] : [this.#begin(name.trim())];
  }

  #moreArguments(): CallEvent[] {
    const certain = this.#pending.replace(POSSIBLE_FENCE_END, '');
    this.#pending = this.#pending.slice(certain.length);
    return certain === '' ? [] : [{ argumentsText: certain }];
  }
}
