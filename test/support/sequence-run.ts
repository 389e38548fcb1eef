/** One sequence fed token by token, by an engine that ends it when it is told to. */
import type { FinishRecord } from '../../src/engine/index.ts';
import type { GenerationRequest, Prompt } from '../../src/http/generation-request.ts';
import type { MessagePart } from '../../src/http/message-parts.ts';
import { type SequenceOutcome, SequenceText } from '../../src/http/sequence-text.ts';
import { Account } from '../../src/keys/index.ts';
import { EOS_ID, type FakeTextModel } from './fake-text-model.ts';

const PROMPT: Prompt = {
  tokens: Int32Array.of(1, 2, 3),
  echoText: null,
  hiddenTokenCount: 0,
  maxTokens: 1000,
};

const UNLIMITED = { requestsPerMinute: null, tokensPerMinute: null, concurrentRequests: null };

const REQUEST: GenerationRequest = {
  account: new Account(UNLIMITED, () => 0),
  prompts: [PROMPT],
  completionsPerPrompt: 1,
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
  minTokens: 0,
  stopTokenIds: [EOS_ID],
  namedStopTokenIds: new Set(),
  stopStrings: [],
  includeStop: false,
  skipSpecial: true,
  message: null,
  prefillOnly: false,
  wantsTokens: false,
  priority: 3,
  tenant: '',
  cacheSalt: '',
  grammar: null,
};

const FINISH: FinishRecord = {
  id: 0,
  reason: 'length',
  stopTokenId: null,
  errorCode: null,
  errorMessage: null,
  promptTokenCount: 3,
  cachedTokenCount: 2,
  completionTokenCount: 0,
  preemptionCount: 0,
  queuedMs: 0,
  firstTokenMs: 0,
  totalMs: 0,
};

export type HeardSequence = {
  readonly parts: MessagePart[];
  readonly ids: number[];
  outcome: SequenceOutcome | null;
  failure: string | null;
  /** Tokens fed when the sequence said that it is complete. */
  stopFoundAfter: number | null;
};

/** The end-of-sequence token ends it; otherwise `finish` does, by default for its length. */
export function runSequence(
  text: FakeTextModel,
  changes: Partial<GenerationRequest>,
  tokenIds: readonly number[],
  finish: Partial<FinishRecord> = {},
): HeardSequence {
  const heard: HeardSequence = {
    parts: [],
    ids: [],
    outcome: null,
    failure: null,
    stopFoundAfter: null,
  };
  let fed = 0;
  const sequence: SequenceText = new SequenceText({ ...REQUEST, ...changes }, PROMPT, {
    text,
    timeline: { onToken: () => {}, onFinish: () => {} },
    sink: {
      onPromptLogprobs: () => {},
      onParts: (parts, { ids }) => {
        heard.parts.push(...parts);
        heard.ids.push(...ids);
      },
      onEnd: (outcome) => {
        if (heard.outcome !== null) throw new Error('a sequence ended twice');
        heard.outcome = outcome;
      },
      onFailure: ({ code }) => {
        heard.failure = code;
      },
      onStopFound: () => {
        heard.stopFoundAfter = fed;
        sequence.onFinish({ ...FINISH, reason: 'abort' });
      },
    },
  });
  for (const id of tokenIds) {
    if (id === EOS_ID && (changes.stopTokenIds ?? REQUEST.stopTokenIds).includes(id)) {
      sequence.onFinish({ ...FINISH, reason: 'stop', stopTokenId: id });
      break;
    }
    fed++;
    sequence.onToken(id, null);
  }
  sequence.onFinish({ ...FINISH, ...finish });
  return heard;
}
