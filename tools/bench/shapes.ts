/** The model shapes that are measured: S is quick, M has the dimensions of DeepSeek-V2-Lite cut to 4 layers. */

export type BenchDtype = 'bf16' | 'fp8';

export type BenchShape = {
  readonly name: string;
  readonly hiddenSize: number;
  readonly layers: number;
  readonly intermediateSize: number;
  readonly routedExperts: number;
  readonly expertsPerToken: number;
  readonly expertSize: number;
  readonly sharedExperts: number;
  readonly vocabSize: number;
};

/** Of attention, the same in all shapes: the widths DeepSeek models have. */
export const ATTENTION = {
  heads: 16,
  kvLoraRank: 512,
  nope: 128,
  rope: 64,
  value: 128,
} as const;

export const SHAPES: Readonly<Record<string, BenchShape>> = {
  S: {
    name: 'S',
    hiddenSize: 1024,
    layers: 8,
    intermediateSize: 2816,
    routedExperts: 16,
    expertsPerToken: 4,
    expertSize: 352,
    sharedExperts: 1,
    vocabSize: 8192,
  },
  M: {
    name: 'M',
    hiddenSize: 2048,
    layers: 4,
    intermediateSize: 10_944,
    routedExperts: 64,
    expertsPerToken: 6,
    expertSize: 1408,
    sharedExperts: 2,
    vocabSize: 32_000,
  },
};

/** config.json of a shape. */
export function modelConfig(shape: BenchShape, dtype: BenchDtype): Record<string, unknown> {
  return {
    architectures: ['DeepseekV2ForCausalLM'],
    model_type: 'deepseek_v2',
    torch_dtype: 'bfloat16',
    hidden_size: shape.hiddenSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: ATTENTION.heads,
    num_key_value_heads: ATTENTION.heads,
    q_lora_rank: null,
    kv_lora_rank: ATTENTION.kvLoraRank,
    qk_nope_head_dim: ATTENTION.nope,
    qk_rope_head_dim: ATTENTION.rope,
    v_head_dim: ATTENTION.value,
    intermediate_size: shape.intermediateSize,
    first_k_dense_replace: 1,
    moe_layer_freq: 1,
    n_routed_experts: shape.routedExperts,
    num_experts_per_tok: shape.expertsPerToken,
    moe_intermediate_size: shape.expertSize,
    n_shared_experts: shape.sharedExperts,
    scoring_func: 'softmax',
    topk_method: 'greedy',
    n_group: 1,
    topk_group: 1,
    norm_topk_prob: false,
    routed_scaling_factor: 1,
    hidden_act: 'silu',
    attention_bias: false,
    tie_word_embeddings: false,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    rope_scaling: null,
    max_position_embeddings: 65_536,
    vocab_size: shape.vocabSize,
    bos_token_id: shape.vocabSize - 2,
    eos_token_id: shape.vocabSize - 1,
    pad_token_id: shape.vocabSize - 1,
    ...(dtype === 'fp8' ? { quantization_config: FP8_CONFIG } : {}),
  };
}

const FP8_CONFIG = {
  quant_method: 'fp8',
  fmt: 'e4m3',
  weight_block_size: [128, 128],
  activation_scheme: 'dynamic',
};

export type TensorSpec = {
  readonly name: string;
  readonly shape: readonly number[];
  /** Norms are ones; matrices are random, in 8 bits where the checkpoint is. */
  readonly kind: 'ones' | 'random' | 'matrix';
};

/** Every tensor of a shape in file order. */
export function tensorSpecs(shape: BenchShape): TensorSpec[] {
  const { hiddenSize: hidden, vocabSize } = shape;
  const layers = Array.from({ length: shape.layers }, (_, index) => layerSpecs(shape, index));
  return [
    { name: 'model.embed_tokens.weight', shape: [vocabSize, hidden], kind: 'random' },
    ...layers.flat(),
    { name: 'model.norm.weight', shape: [hidden], kind: 'ones' },
    { name: 'lm_head.weight', shape: [vocabSize, hidden], kind: 'random' },
  ];
}

function layerSpecs(shape: BenchShape, layer: number): TensorSpec[] {
  const { hiddenSize: hidden } = shape;
  const { heads, kvLoraRank, nope, rope, value } = ATTENTION;
  const at = (name: string, tensorShape: number[], kind: TensorSpec['kind'] = 'matrix') => ({
    name: `model.layers.${layer}.${name}.weight`,
    shape: tensorShape,
    kind,
  });
  const mlp = (prefix: string, size: number) => [
    at(`${prefix}.gate_proj`, [size, hidden]),
    at(`${prefix}.up_proj`, [size, hidden]),
    at(`${prefix}.down_proj`, [hidden, size]),
  ];
  const experts = Array.from({ length: shape.routedExperts }, (_, expert) =>
    mlp(`mlp.experts.${expert}`, shape.expertSize),
  );
  const moe = [
    at('mlp.gate', [shape.routedExperts, hidden], 'random'),
    ...mlp('mlp.shared_experts', shape.sharedExperts * shape.expertSize),
    ...experts.flat(),
  ];
  return [
    at('input_layernorm', [hidden], 'ones'),
    at('self_attn.q_proj', [heads * (nope + rope), hidden]),
    at('self_attn.kv_a_proj_with_mqa', [kvLoraRank + rope, hidden]),
    at('self_attn.kv_a_layernorm', [kvLoraRank], 'ones'),
    at('self_attn.kv_b_proj', [heads * (nope + value), kvLoraRank]),
    at('self_attn.o_proj', [hidden, heads * value]),
    at('post_attention_layernorm', [hidden], 'ones'),
    ...(layer === 0 ? mlp('mlp', shape.intermediateSize) : moe),
  ];
}
