/** Refuses slot parameters out of range by the name of the field, as the native engine does. */
import { EtapError } from '../errors.ts';
import type { SamplingParams } from '../sampling-params.ts';
import type { ExecutorInfo, SlotParams } from './executor.ts';
import { TOP_LOGPROBS_MAX } from './step-batch.ts';

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function checkSlotParams(params: SlotParams, info: ExecutorInfo): void {
  const { tokens, promptTokenCount, minTokens, stopTokenIds } = params;
  const isToken = (id: number) => Number.isInteger(id) && id >= 0 && id < info.vocabSize;
  const ids = `ids from 0 to ${info.vocabSize - 1}`;
  const counts = `1 to ${info.maxModelLen} ${ids}`;
  const known = tokens.length;
  require('tokens', known, known > 0 && known <= info.maxModelLen && tokens.every(isToken), counts);
  const inTokens = integerIn(promptTokenCount, 1, known);
  require('promptTokenCount', promptTokenCount, inTokens, `an integer from 1 to ${known}`);
  require('minTokens', minTokens, integerIn(minTokens, 0), 'an integer of 0 or more');
  require('stopTokenIds', stopTokenIds, stopTokenIds.every(isToken), ids);
  checkSampling(params.sampling, isToken, ids);
}

function checkSampling(
  sampling: SamplingParams,
  isToken: (id: number) => boolean,
  ids: string,
): void {
  const { topK, topP, minP, seed, logitBias, allowedTokenIds } = sampling;
  const finite = (value: number) => Number.isFinite(value);
  const share = (value: number) => value >= 0 && value <= 1;
  const logprobs = `null or an integer from 0 to ${TOP_LOGPROBS_MAX}`;
  const isLogprobs = (value: number | null) =>
    value === null || integerIn(value, 0, TOP_LOGPROBS_MAX);
  const { temperature, repetitionPenalty, frequencyPenalty, presencePenalty } = sampling;
  require('temperature', temperature, finite(temperature) && temperature >= 0, '0 or more');
  require('topK', topK, integerIn(topK, 0), 'an integer of 0 or more');
  require('topP', topP, share(topP), 'from 0 to 1');
  require('minP', minP, share(minP), 'from 0 to 1');
  const penalty = finite(repetitionPenalty) && repetitionPenalty > 0;
  require('repetitionPenalty', repetitionPenalty, penalty, 'above 0');
  require('frequencyPenalty', frequencyPenalty, finite(frequencyPenalty), 'finite');
  require('presencePenalty', presencePenalty, finite(presencePenalty), 'finite');
  require('seed', seed, Number.isSafeInteger(seed), 'a safe integer');
  const biased = logitBias.every(([id, bias]) => isToken(id) && finite(bias));
  require('logitBias', logitBias.length, biased, `${ids} with finite values`);
  const allowed = allowedTokenIds === null || isChoice(allowedTokenIds, isToken);
  require('allowedTokenIds', allowedTokenIds, allowed, `null or some ${ids}`);
  require('topLogprobs', sampling.topLogprobs, isLogprobs(sampling.topLogprobs), logprobs);
  require('promptLogprobs', sampling.promptLogprobs, isLogprobs(sampling.promptLogprobs), logprobs);
}

const isChoice = (ids: readonly number[], isToken: (id: number) => boolean): boolean =>
  ids.length > 0 && ids.every(isToken);

const integerIn = (value: number, min: number, max = Number.MAX_SAFE_INTEGER): boolean =>
  Number.isInteger(value) && value >= min && value <= max;

function require(field: string, value: unknown, sound: boolean, allowed: string): void {
  if (sound) return;
  throw new EtapError(
    'ETAP_ERR_INVALID_REQUEST',
    `${field} is ${value}; it must be ${allowed}.`,
    field,
  );
}
