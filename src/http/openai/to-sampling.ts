/** Sampling fields of the wire, checked against the model, as the engine's sampling parameters. */
import { randomInt } from 'node:crypto';
import type { Static } from 'typebox';
import { Type } from 'typebox';
import type { LimitsConfig } from '../../config/index.ts';
import type { SamplingParams } from '../../sampling-params.ts';
import type { GenerationDefaults } from '../../text/index.ts';
import { checkAtMost, describe, invalidField } from './invalid.ts';
import { samplingFields } from './shared-fields.ts';

const SamplingBody = Type.Object(samplingFields);
type SamplingBody = Static<typeof SamplingBody>;

/** What the loaded model allows. */
export type ModelFacts = {
  readonly vocabSize: number;
  readonly maxModelLen: number;
};

export type SamplingContext = {
  readonly facts: ModelFacts;
  readonly limits: LimitsConfig;
  readonly defaults: GenerationDefaults;
};

type LogprobCounts = Pick<SamplingParams, 'topLogprobs' | 'promptLogprobs'>;

const BIAS_MAX = 100;
/** Random seeds stay below this; `randomInt` allows no more. */
const RANDOM_SEED_MAX = 2 ** 48 - 1;

/** Throws EtapError ETAP_ERR_INVALID_REQUEST. */
export function toSampling(
  body: SamplingBody,
  logprobs: LogprobCounts,
  { facts, limits, defaults }: SamplingContext,
): SamplingParams {
  const topP = body.top_p ?? defaults.topP ?? 1;
  return {
    temperature: body.temperature ?? defaults.temperature ?? 1,
    // The smallest set with no probability at all is the best token alone.
    topK: topP === 0 ? 1 : Math.max(0, body.top_k ?? defaults.topK ?? 0),
    topP: topP === 0 ? 1 : topP,
    minP: body.min_p ?? 0,
    repetitionPenalty: body.repetition_penalty ?? defaults.repetitionPenalty ?? 1,
    frequencyPenalty: body.frequency_penalty ?? 0,
    presencePenalty: body.presence_penalty ?? 0,
    seed: body.seed ?? randomInt(RANDOM_SEED_MAX),
    logitBias: toLogitBias(body.logit_bias ?? {}, facts, limits.logitBiasEntries),
    allowedTokenIds: toAllowedTokenIds(
      body.allowed_token_ids ?? null,
      facts,
      limits.allowedTokenIds,
    ),
    ...logprobs,
  };
}

function toAllowedTokenIds(
  ids: readonly number[] | null,
  facts: ModelFacts,
  countMax: number,
): number[] | null {
  if (ids === null) return null;
  checkAtMost('allowed_token_ids', ids.length, countMax, 'ids');
  return [...new Set(checkTokenIds('allowed_token_ids', ids, facts))];
}

/** Throws EtapError ETAP_ERR_INVALID_REQUEST when the vocabulary lacks one of the ids. */
export function checkTokenIds(
  param: string,
  ids: readonly number[],
  { vocabSize }: ModelFacts,
): readonly number[] {
  for (const id of ids) {
    if (Number.isInteger(id) && id >= 0 && id < vocabSize) continue;
    throw invalidField(
      param,
      `found token id ${describe(id)}, allowed are ids from 0 to ${vocabSize - 1}`,
    );
  }
  return ids;
}

function toLogitBias(
  entries: Readonly<Record<string, unknown>>,
  facts: ModelFacts,
  entriesMax: number,
): SamplingParams['logitBias'] {
  const pairs = Object.entries(entries);
  if (pairs.length > entriesMax) {
    throw invalidField(
      'logit_bias',
      `found ${pairs.length} entries, allowed are at most ${entriesMax}`,
    );
  }
  return pairs.map(([key, bias]) => {
    const id = /^\d{1,10}$/.test(key) ? Number(key) : -1;
    if (id < 0 || id >= facts.vocabSize) {
      throw invalidField(
        'logit_bias',
        `found a key that is no token id, allowed are ids from 0 to ${facts.vocabSize - 1}`,
      );
    }
    if (typeof bias !== 'number' || !(Math.abs(bias) <= BIAS_MAX)) {
      throw invalidField(
        'logit_bias',
        `found ${describe(bias)} as a bias, allowed are numbers from -${BIAS_MAX} to ${BIAS_MAX}`,
      );
    }
    return [id, bias] as const;
  });
}
