/** Keeps the conversation over a reload, in the browser and nowhere else. */
import type { Turn } from './conversation.ts';

/** What is needed of the browser's storage. */
export type TextStore = {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
};

const NAME = 'etap.chat';
/** Characters kept; beyond it token probabilities go first, then the oldest turns. */
export const SAVED_LENGTH_MAX = 1_000_000;

export function loadTurns(store: TextStore): readonly Turn[] {
  try {
    const saved: unknown = JSON.parse(store.getItem(NAME) ?? '[]');
    return Array.isArray(saved) ? saved.filter(isTurn) : [];
  } catch {
    return [];
  }
}

export function saveTurns(store: TextStore, turns: readonly Turn[]): void {
  try {
    store.setItem(NAME, fitted(turns));
  } catch {
    // A full or forbidden storage costs only the memory of this conversation.
  }
}

function fitted(turns: readonly Turn[]): string {
  let kept = turns;
  let text = JSON.stringify(kept);
  if (text.length > SAVED_LENGTH_MAX) {
    kept = turns.map(withoutTokens);
    text = JSON.stringify(kept);
  }
  while (text.length > SAVED_LENGTH_MAX && kept.length > 0) {
    kept = kept.slice(1);
    text = JSON.stringify(kept);
  }
  return text;
}

const withoutTokens = (turn: Turn): Turn =>
  turn.kind === 'answer' ? { ...turn, answer: { ...turn.answer, tokens: [] } } : turn;

/** A page of another version may have left something else. */
function isTurn(value: unknown): value is Turn {
  if (typeof value !== 'object' || value === null || !('kind' in value)) return false;
  if (value.kind === 'answer') return 'answer' in value && isAnswer(value.answer);
  const known = value.kind === 'user' || value.kind === 'toolResult';
  return known && 'text' in value && typeof value.text === 'string';
}

const isAnswer = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  'content' in value &&
  typeof value.content === 'string' &&
  'toolCalls' in value &&
  Array.isArray(value.toolCalls) &&
  'tokens' in value &&
  Array.isArray(value.tokens);
