/** One token through the whole engine after each start: only then is it said to be ready. */
import type { AddCommand } from './messages.ts';

/** No sequence of a client has this id. */
export const CANARY_ID = 0;

export const canaryCommand = (): AddCommand => ({
  id: CANARY_ID,
  promptTokens: new Int32Array(1),
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    frequencyPenalty: 0,
    presencePenalty: 0,
    seed: 0,
    logitBias: [],
    allowedTokenIds: null,
    topLogprobs: null,
    promptLogprobs: null,
  },
  maxTokens: 1,
  minTokens: 0,
  stopTokenIds: [],
  priority: 0,
  tenant: '',
  cacheSalt: '',
  grammar: null,
});
