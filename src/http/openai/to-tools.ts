/** The tools of a chat and how they may be used, checked. */
import type { MessageRules } from '../message-parts.ts';
import { describe, invalidField } from './invalid.ts';
import type { Tool, ToolChoice } from './tool-schemas.ts';

type ToolFields = {
  readonly tools?: readonly Tool[] | null;
  readonly tool_choice?: ToolChoice | null;
  readonly parallel_tool_calls?: boolean | null;
};

/** Names become part of the prompt and of what the model writes: nothing in them may end them. */
const NAME_PATTERN = /^[^\s<>`｜"\\]{1,128}$/u;

/**
 * Tools as the template gets them, as they were sent; null where the model is told of none.
 * Throws EtapError ETAP_ERR_INVALID_REQUEST.
 */
export function toTools({ tools, tool_choice: choice }: ToolFields): readonly Tool[] | null {
  const names = checkedNames(tools ?? []);
  if (choice != null) checkChoice(choice, names);
  return choice === 'none' || names.size === 0 ? null : (tools ?? null);
}

/** How many calls an answer may make. */
export function callsAllowed(
  tools: readonly unknown[] | null,
  { parallel_tool_calls: parallel }: ToolFields,
): MessageRules['toolCalls'] {
  if (tools === null) return 'none';
  return parallel === false ? 'one' : 'many';
}

function checkedNames(tools: readonly Tool[]): ReadonlySet<string> {
  const names = new Set<string>();
  tools.forEach(({ function: { name } }, index) => {
    const param = `tools[${index}].function.name`;
    if (!NAME_PATTERN.test(name)) {
      throw invalidField(
        param,
        `found ${describe(name)}, allowed are 1 to 128 characters without white space, quotes, ` +
          'back ticks, back slashes and angle brackets',
      );
    }
    if (names.has(name)) throw invalidField(param, 'two tools have this name; rename one of them');
    names.add(name);
  });
  return names;
}

function checkChoice(choice: ToolChoice, names: ReadonlySet<string>): void {
  if (choice === 'none' || choice === 'auto') return;
  if (names.size === 0) {
    throw invalidField('tool_choice', 'allowed only with tools; send some, or leave it out');
  }
  if (typeof choice !== 'string' && !names.has(choice.function.name)) {
    throw invalidField('tool_choice.function.name', 'no tool has this name');
  }
}
