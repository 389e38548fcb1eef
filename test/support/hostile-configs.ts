/** Damage to config.json: not JSON, fields of the wrong kind, beyond every limit, or at odds. */
import { CONFIG_FILE } from './checkpoint-files.ts';
import type { HostileVariant } from './hostile-variant.ts';

export function configVariants(): HostileVariant[] {
  return [...texts(), ...models(), ...sizes(), ...experts(), ...rope(), ...others(), ...atOdds()];
}

const variant = (
  name: string,
  names: readonly string[],
  damage: HostileVariant['damage'],
  base: HostileVariant['base'] = 'bf16',
): HostileVariant => ({
  name: `config: ${name}`,
  code: 'ETAP_ERR_MODEL_CONFIG',
  names: [CONFIG_FILE, ...names],
  base,
  damage,
});

/** One field replaced; the message must name the field. */
const field = (key: string, value: unknown, named = key): HostileVariant =>
  variant(`${key} ${JSON.stringify(value)}`, [named], (files) =>
    files.editConfig((config) => {
      config[key] = value;
    }),
  );

const fields = (key: string, values: readonly unknown[]) =>
  values.map((value) => field(key, value));

/** A field whose value no JSON writer of ours would write, such as NaN. */
const raw = (key: string, json: string, names: readonly string[] = []): HostileVariant =>
  variant(`${key} is ${json}`, names, (files) =>
    files.editText(CONFIG_FILE, (text) =>
      text.replace(new RegExp(`"${key}": *[^,\\n}]+`), `"${key}": ${json}`),
    ),
  );

function texts(): HostileVariant[] {
  const text = (name: string, change: (text: string) => string) =>
    variant(name, [], (files) => files.editText(CONFIG_FILE, change));
  return [
    {
      ...variant('missing', [], (files) => files.delete(CONFIG_FILE)),
      code: 'ETAP_ERR_CHECKPOINT',
    },
    text('empty', () => ''),
    text('not JSON', () => 'model_type: deepseek_v3'),
    text('an array', () => '[]'),
    text('null', () => 'null'),
    text('cut off', (whole) => whole.slice(0, whole.length / 2)),
    text('a trailing comma', (whole) => whole.replace(/\s*\}\s*$/, ',}')),
    text('a byte order mark', (whole) => `\ufeff${whole}`),
    text('a field twice', (whole) => whole.replace('{', '{"hidden_size": 64,')),
    text('nested too deeply', () => `{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
    text('text after the object', (whole) => `${whole} x`),
  ];
}

function models(): HostileVariant[] {
  return [
    ...fields('model_type', ['llama', 'deepseek', 'DEEPSEEK_V3', '', 3, null]),
    variant('no model_type', ['model_type'], (files) =>
      files.editConfig((config) => delete config.model_type),
    ),
    field('hidden_act', 'gelu'),
    field('mlp_bias', true),
    field('rope_interleave', false),
  ];
}

function sizes(): HostileVariant[] {
  return [
    ...fields('hidden_size', [0, -64, 64.5, '64', true, [64], 2 ** 40, 1e300]),
    ...fields('vocab_size', [0, -1, 2 ** 31, 2 ** 53]),
    ...fields('num_hidden_layers', [0, -2, 1e9]),
    ...fields('num_attention_heads', [0, -4, 1e9]),
    ...fields('q_lora_rank', [0, -48, '48', 2 ** 33]),
    ...fields('kv_lora_rank', [0, -1, 2 ** 33]),
    ...fields('qk_nope_head_dim', [0, -1, 1e9]),
    ...fields('qk_rope_head_dim', [0, 15, -16, 1e9]),
    ...fields('v_head_dim', [0, -1, 1e9]),
    ...fields('intermediate_size', [0, -1, 2 ** 40]),
    ...fields('max_position_embeddings', [0, -1, 2 ** 40]),
    raw('hidden_size', 'NaN'),
    raw('hidden_size', '18446744073709551616', ['hidden_size']),
    raw('hidden_size', '064'),
    raw('hidden_size', '0x40'),
    raw('hidden_size', '+64'),
  ];
}

function experts(): HostileVariant[] {
  return [
    ...fields('n_routed_experts', [-1, 7, 2 ** 40]).map((one, index) =>
      // Seven experts do not divide into four groups: that is said of n_group.
      index === 1 ? { ...one, names: [CONFIG_FILE, 'n_group'] } : one,
    ),
    ...fields('n_shared_experts', [-1, 1.5, 2 ** 40]),
    ...fields('num_experts_per_tok', [0, -1, 5, 9, 2 ** 40]),
    ...fields('n_group', [0, -1, 3, 8, 2 ** 40]),
    ...fields('topk_group', [0, -1, 5]),
    ...fields('moe_intermediate_size', [0, -1, 2 ** 40]),
    ...fields('first_k_dense_replace', [-1, 'one']),
    ...fields('moe_layer_freq', [0, -1, 0.5]),
    ...fields('topk_method', ['random', '', 1]),
    ...fields('scoring_func', ['relu', '', 1]),
    ...fields('norm_topk_prob', ['true', 1]),
    ...fields('routed_scaling_factor', [-1, '2.5', null]).slice(0, 2),
    raw('routed_scaling_factor', 'NaN'),
    raw('routed_scaling_factor', '1e400'),
  ];
}

function rope(): HostileVariant[] {
  const yarn = (key: string, value: unknown) =>
    variant(`rope_scaling.${key} ${JSON.stringify(value)}`, [key], (files) =>
      files.editConfig((config) => {
        config.rope_scaling = { ...(config.rope_scaling as object), [key]: value };
      }),
    );
  const kind = (value: unknown) => ({ ...yarn('type', value), names: [CONFIG_FILE, 'type'] });
  return [
    ...fields('rope_theta', [0, -1, '10000']),
    raw('rope_theta', 'Infinity'),
    raw('rope_theta', '-Infinity'),
    ...fields('rope_scaling', ['yarn', 40, []]).slice(0, 2),
    kind('linear'),
    kind('dynamic'),
    kind(1),
    yarn('factor', 0),
    yarn('factor', -40),
    yarn('factor', '40'),
    yarn('factor', 1e300),
    yarn('original_max_position_embeddings', 0),
    yarn('original_max_position_embeddings', -4096),
    yarn('beta_fast', -1),
    yarn('beta_fast', 0),
    yarn('beta_slow', 'one'),
    yarn('mscale', '1.0'),
    yarn('mscale_all_dim', -1),
  ];
}

function others(): HostileVariant[] {
  const quantization = (name: string, key: string, value: unknown) =>
    variant(
      `quantization_config: ${name}`,
      [key],
      (files) =>
        files.editConfig((config) => {
          const { [key]: _, ...rest } = config.quantization_config as Record<string, unknown>;
          config.quantization_config = value === undefined ? rest : { ...rest, [key]: value };
        }),
      'fp8',
    );
  return [
    ...fields('rms_norm_eps', [-1e-6, '1e-6']),
    raw('rms_norm_eps', 'NaN'),
    ...fields('tie_word_embeddings', ['false', 0]),
    ...fields('attention_bias', ['false', 0]),
    // Refused by the model, which does not know the file.
    { ...field('attention_bias', true), names: ['attention_bias'] },
    quantization('another method', 'quant_method', 'awq'),
    quantization('no method', 'quant_method', undefined),
    quantization('another format', 'fmt', 'e5m2'),
    quantization('blocks of 64', 'weight_block_size', [64, 64]),
    quantization('one block size', 'weight_block_size', [128]),
    quantization('blocks as text', 'weight_block_size', '128x128'),
    quantization('no block size', 'weight_block_size', undefined),
    field('quantization_config', 'fp8'),
  ];
}

/** Valid alone, but not with the tensors that are there. */
function atOdds(): HostileVariant[] {
  const odd = (key: string, value: unknown, tensor: string): HostileVariant => ({
    ...field(key, value),
    code: 'ETAP_ERR_TENSOR',
    names: [tensor],
  });
  return [
    odd('num_hidden_layers', 3, 'model.layers.2.'),
    odd('vocab_size', 161, 'model.embed_tokens.weight'),
    odd('hidden_size', 128, 'model.embed_tokens.weight'),
    odd('num_attention_heads', 8, 'model.layers.0.self_attn.q_b_proj.weight'),
    odd('q_lora_rank', null, 'model.layers.0.self_attn.q_proj.weight'),
    odd('kv_lora_rank', 128, 'model.layers.0.self_attn.kv_'),
    odd('qk_rope_head_dim', 32, 'model.layers.0.self_attn.'),
    odd('v_head_dim', 64, 'model.layers.0.self_attn.'),
    odd('n_routed_experts', 16, 'model.layers.1.mlp.'),
    odd('n_shared_experts', 2, 'model.layers.1.mlp.shared_experts.'),
    odd('moe_intermediate_size', 128, 'model.layers.1.mlp.'),
    odd('intermediate_size', 64, 'model.layers.0.mlp.'),
    odd('first_k_dense_replace', 2, 'model.layers.1.mlp.'),
  ];
}
