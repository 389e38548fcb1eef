/** Writes a tiny checkpoint in DeepSeek's format with seeded random weights, for tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What may be chosen; everything else of the model is fixed and small. */
export type TinyCheckpointOptions = {
  /** deepseek_v3: sigmoid routing with bias and groups. deepseek_v2: softmax, greedy. */
  readonly modelType?: 'deepseek_v2' | 'deepseek_v3';
  /** bf16, or e4m3 with one fp32 scale for each 128 x 128 block. */
  readonly weights?: 'bf16' | 'fp8';
  /** null: queries are projected directly. */
  readonly qLoraRank?: number | null;
  readonly vocabSize?: number;
  readonly headCount?: number;
  readonly layerCount?: number;
  readonly maxPositions?: number;
  /** Files the tensors are spread over; more than one come with an index. */
  readonly shardCount?: number;
  /** This token's embedding is NaN: no row that follows it in its sequence is finite. */
  readonly nanTokenId?: number;
  readonly seed?: number;
};

type Tensor = {
  readonly dtype: 'BF16' | 'F32' | 'F8_E4M3';
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
};

const HIDDEN = 64;
const KV_LORA_RANK = 64;
const NOPE = 32;
const ROPE = 16;
const VALUE = 32;
const INTERMEDIATE = 128;
const MOE_INTERMEDIATE = 64;
const EXPERTS = 8;
const FP8_BLOCK = 128;

/** Fills `folder` with config.json and safetensors files. */
export function writeTinyCheckpoint(folder: string, options: TinyCheckpointOptions = {}): void {
  mkdirSync(folder, { recursive: true });
  const config = tinyConfig(options);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config, null, 2));
  const tensors = [...tinyTensors(config, options)];
  const shardCount = options.shardCount ?? 1;
  if (shardCount === 1) {
    writeFileSync(join(folder, 'model.safetensors'), safetensorsFile(tensors));
    return;
  }
  const weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shardCount; shard++) {
    const name = `model-${shard + 1}-of-${shardCount}.safetensors`;
    const part = tensors.filter((_, index) => index % shardCount === shard);
    for (const [tensor] of part) weightMap[tensor] = name;
    writeFileSync(join(folder, name), safetensorsFile(part));
  }
  const index = { metadata: {}, weight_map: weightMap };
  writeFileSync(join(folder, 'model.safetensors.index.json'), JSON.stringify(index));
}

type TinyConfig = ReturnType<typeof tinyConfig>;

function tinyConfig(options: TinyCheckpointOptions) {
  const isV3 = (options.modelType ?? 'deepseek_v3') === 'deepseek_v3';
  const maxPositions = options.maxPositions ?? 1024;
  return {
    architectures: [isV3 ? 'DeepseekV3ForCausalLM' : 'DeepseekV2ForCausalLM'],
    model_type: isV3 ? 'deepseek_v3' : 'deepseek_v2',
    vocab_size: options.vocabSize ?? 160,
    hidden_size: HIDDEN,
    num_hidden_layers: options.layerCount ?? 3,
    num_attention_heads: options.headCount ?? 4,
    q_lora_rank: options.qLoraRank === undefined ? 48 : options.qLoraRank,
    kv_lora_rank: KV_LORA_RANK,
    qk_nope_head_dim: NOPE,
    qk_rope_head_dim: ROPE,
    v_head_dim: VALUE,
    intermediate_size: INTERMEDIATE,
    moe_intermediate_size: MOE_INTERMEDIATE,
    n_routed_experts: EXPERTS,
    n_shared_experts: 1,
    num_experts_per_tok: 2,
    first_k_dense_replace: 1,
    moe_layer_freq: 1,
    n_group: isV3 ? 4 : 1,
    topk_group: isV3 ? 2 : 1,
    topk_method: isV3 ? 'noaux_tc' : 'greedy',
    scoring_func: isV3 ? 'sigmoid' : 'softmax',
    norm_topk_prob: isV3,
    routed_scaling_factor: isV3 ? 2.5 : 1,
    hidden_act: 'silu',
    max_position_embeddings: maxPositions,
    rms_norm_eps: 1e-6,
    rope_theta: 10_000,
    rope_scaling: {
      type: 'yarn',
      factor: 4,
      original_max_position_embeddings: maxPositions / 4,
      beta_fast: 32,
      beta_slow: 1,
      mscale: 1,
      mscale_all_dim: 1,
    },
    tie_word_embeddings: false,
    attention_bias: false,
    bos_token_id: 0,
    eos_token_id: 1,
    torch_dtype: 'bfloat16',
    ...(options.weights === 'fp8' && {
      quantization_config: {
        quant_method: 'fp8',
        fmt: 'e4m3',
        activation_scheme: 'dynamic',
        weight_block_size: [FP8_BLOCK, FP8_BLOCK],
      },
    }),
  };
}

function* tinyTensors(
  config: TinyConfig,
  options: TinyCheckpointOptions,
): Generator<readonly [string, Tensor]> {
  const random = gaussian(options.seed ?? 1);
  const linear = (name: string, rows: number, columns: number) =>
    options.weights === 'fp8'
      ? fp8Linear(name, rows, columns, random)
      : [[`${name}.weight`, bf16([rows, columns], () => random() / Math.sqrt(columns))] as const];
  const norm = (name: string, width: number) =>
    [`${name}.weight`, bf16([width], () => 1 + 0.1 * random())] as const;

  const { vocab_size: vocab, hidden_size: hidden } = config;
  const embedding = bf16([vocab, hidden], random);
  if (options.nanTokenId !== undefined) {
    const row = new Uint16Array(embedding.bytes.buffer, options.nanTokenId * hidden * 2, hidden);
    row.fill(0x7fc0);
  }
  yield ['model.embed_tokens.weight', embedding];
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const prefix = `model.layers.${layer}`;
    yield norm(`${prefix}.input_layernorm`, hidden);
    yield norm(`${prefix}.post_attention_layernorm`, hidden);
    yield* attentionTensors(`${prefix}.self_attn`, config, linear, norm);
    if (layer < config.first_k_dense_replace) {
      yield* mlpTensors(`${prefix}.mlp`, config.intermediate_size, linear);
    } else {
      yield* moeTensors(`${prefix}.mlp`, config, linear, random);
    }
  }
  yield norm('model.norm', hidden);
  // Sharper than the rest, so that logits are well apart.
  yield ['lm_head.weight', bf16([vocab, hidden], () => (3 * random()) / Math.sqrt(hidden))];
}

type Named = readonly [string, Tensor];
type MakeLinear = (name: string, rows: number, columns: number) => readonly Named[];

function* attentionTensors(
  prefix: string,
  config: TinyConfig,
  linear: MakeLinear,
  norm: (name: string, width: number) => Named,
): Generator<Named> {
  const { hidden_size: hidden, num_attention_heads: heads, q_lora_rank: queryRank } = config;
  if (queryRank === null) {
    yield* linear(`${prefix}.q_proj`, heads * (NOPE + ROPE), hidden);
  } else {
    yield* linear(`${prefix}.q_a_proj`, queryRank, hidden);
    yield norm(`${prefix}.q_a_layernorm`, queryRank);
    yield* linear(`${prefix}.q_b_proj`, heads * (NOPE + ROPE), queryRank);
  }
  yield* linear(`${prefix}.kv_a_proj_with_mqa`, KV_LORA_RANK + ROPE, hidden);
  yield norm(`${prefix}.kv_a_layernorm`, KV_LORA_RANK);
  yield* linear(`${prefix}.kv_b_proj`, heads * (NOPE + VALUE), KV_LORA_RANK);
  yield* linear(`${prefix}.o_proj`, hidden, heads * VALUE);
}

function* mlpTensors(prefix: string, width: number, linear: MakeLinear): Generator<Named> {
  yield* linear(`${prefix}.gate_proj`, width, HIDDEN);
  yield* linear(`${prefix}.up_proj`, width, HIDDEN);
  yield* linear(`${prefix}.down_proj`, HIDDEN, width);
}

function* moeTensors(
  prefix: string,
  config: TinyConfig,
  linear: MakeLinear,
  random: () => number,
): Generator<Named> {
  yield [`${prefix}.gate.weight`, bf16([EXPERTS, HIDDEN], () => random() / Math.sqrt(HIDDEN))];
  if (config.topk_method === 'noaux_tc') {
    yield [`${prefix}.gate.e_score_correction_bias`, f32([EXPERTS], () => 0.1 * random())];
  }
  for (let expert = 0; expert < EXPERTS; expert++) {
    yield* mlpTensors(`${prefix}.experts.${expert}`, MOE_INTERMEDIATE, linear);
  }
  yield* mlpTensors(`${prefix}.shared_experts`, MOE_INTERMEDIATE, linear);
}

/** Random codes with exponents that make values of about one, and scales that shrink them. */
function fp8Linear(name: string, rows: number, columns: number, random: () => number): Named[] {
  const codes = Uint8Array.from({ length: rows * columns }, () => {
    const sign = random() < 0 ? 0x80 : 0;
    const magnitude = Math.min(0x40, Math.max(0x10, Math.round(0x30 + 8 * random())));
    return sign | magnitude;
  });
  const blocks = [Math.ceil(rows / FP8_BLOCK), Math.ceil(columns / FP8_BLOCK)];
  const scale = () => (0.8 + 0.2 * Math.abs(random())) / Math.sqrt(columns);
  return [
    [`${name}.weight`, { dtype: 'F8_E4M3', shape: [rows, columns], bytes: codes }],
    [`${name}.weight_scale_inv`, f32(blocks, scale)],
  ];
}

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

function f32(shape: readonly number[], value: () => number): Tensor {
  const values = Float32Array.from({ length: count(shape) }, value);
  return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer) };
}

function bf16(shape: readonly number[], value: () => number): Tensor {
  const values = Float32Array.from({ length: count(shape) }, value);
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
  return { dtype: 'BF16', shape, bytes: new Uint8Array(halves.buffer) };
}

function safetensorsFile(tensors: readonly Named[]): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const [name, { dtype, shape, bytes }] of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([size, text, ...tensors.map(([, tensor]) => tensor.bytes)]);
}

/** Normal deviates by Box and Muller over a 32-bit xorshift. */
function gaussian(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0 || 1;
  const uniform = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) + 1) / 4294967297;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
