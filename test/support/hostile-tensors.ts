/** Whole files whose tensors do not fit: missing, misshapen, of another type, in other shards. */
import {
  type CheckpointFiles,
  entryOf,
  INDEX_FILE,
  SHARDS,
  SINGLE_FILE,
} from './checkpoint-files.ts';
import type { HostileVariant } from './hostile-variant.ts';

const [FIRST_SHARD, SECOND_SHARD] = SHARDS;
const LAYER_0 = 'model.layers.0';
const LAYER_1 = 'model.layers.1';
const KV_A = `${LAYER_0}.self_attn.kv_a_proj_with_mqa.weight`;
const KV_B = `${LAYER_0}.self_attn.kv_b_proj.weight`;
const BIAS = `${LAYER_1}.mlp.gate.e_score_correction_bias`;

export function tensorVariants(): HostileVariant[] {
  return [...missing(), ...misshapen(), ...otherTypes(), ...scales()];
}

const changed = (
  name: string,
  tensor: string,
  change: (entry: ReturnType<typeof entryOf>) => void,
  base: HostileVariant['base'] = 'bf16',
): HostileVariant => ({
  name: `tensor: ${name}`,
  code: 'ETAP_ERR_TENSOR',
  names: [tensor],
  base,
  damage: (files) => files.editHeader(SINGLE_FILE, (header) => change(entryOf(header, tensor))),
});

function missing(): HostileVariant[] {
  const tensors = [
    'model.embed_tokens.weight',
    'model.norm.weight',
    'lm_head.weight',
    `${LAYER_0}.input_layernorm.weight`,
    `${LAYER_1}.post_attention_layernorm.weight`,
    `${LAYER_0}.self_attn.q_a_layernorm.weight`,
    `${LAYER_0}.self_attn.o_proj.weight`,
    KV_A,
    KV_B,
    `${LAYER_0}.mlp.down_proj.weight`,
    `${LAYER_1}.mlp.gate.weight`,
    BIAS,
    `${LAYER_1}.mlp.experts.7.up_proj.weight`,
    `${LAYER_1}.mlp.shared_experts.gate_proj.weight`,
  ];
  return tensors.map((tensor) => ({
    name: `missing: ${tensor}`,
    code: 'ETAP_ERR_TENSOR',
    names: [tensor],
    base: 'bf16',
    damage: (files) => files.removeTensor(SINGLE_FILE, tensor),
  }));
}

/** The bytes fit the shape; the shape does not fit config.json. */
function misshapen(): HostileVariant[] {
  const shape = (name: string, tensor: string, value: readonly number[]) =>
    changed(name, tensor, (entry) => {
      entry.shape = value;
    });
  return [
    shape('embedding transposed', 'model.embed_tokens.weight', [64, 160]),
    shape('embedding flat', 'model.embed_tokens.weight', [160 * 64]),
    shape('norm in two dimensions', `${LAYER_0}.input_layernorm.weight`, [1, 64]),
    shape('norm in halves', `${LAYER_0}.input_layernorm.weight`, [2, 32]),
    shape('kv_a transposed', KV_A, [64, 80]),
    shape('kv_b in three dimensions', KV_B, [4, 64, 64]),
    shape('kv_b with other heads', KV_B, [128, 128]),
    shape('expert transposed and folded', `${LAYER_1}.mlp.experts.0.up_proj.weight`, [32, 128]),
    shape('correction bias in groups', BIAS, [4, 2]),
  ];
}

function otherTypes(): HostileVariant[] {
  const dtype = (name: string, tensor: string, value: string) =>
    changed(name, tensor, (entry) => {
      entry.dtype = value;
    });
  return [
    dtype('a weight of I16', KV_A, 'I16'),
    dtype('a weight of U16', 'lm_head.weight', 'U16'),
    dtype('a norm of I16', 'model.norm.weight', 'I16'),
    dtype('a bias of I32', BIAS, 'I32'),
    dtype('a bias of U32', BIAS, 'U32'),
  ];
}

function scales(): HostileVariant[] {
  const scale = `${KV_B}_scale_inv`;
  return [
    {
      name: 'scales: missing',
      code: 'ETAP_ERR_TENSOR',
      names: [scale],
      base: 'fp8',
      damage: (files) => files.removeTensor(SINGLE_FILE, scale),
    },
    changed(
      'scales transposed',
      scale,
      (entry) => {
        entry.shape = [1, 2];
      },
      'fp8',
    ),
    changed(
      'scales flat',
      scale,
      (entry) => {
        entry.shape = [2];
      },
      'fp8',
    ),
    changed(
      'scales of I32',
      scale,
      (entry) => {
        entry.dtype = 'I32';
      },
      'fp8',
    ),
    changed(
      'scales of U32',
      scale,
      (entry) => {
        entry.dtype = 'U32';
      },
      'fp8',
    ),
    changed(
      'weights of E5M2',
      KV_B,
      (entry) => {
        entry.dtype = 'F8_E5M2';
      },
      'fp8',
    ),
    changed(
      'weights of I8',
      KV_B,
      (entry) => {
        entry.dtype = 'I8';
      },
      'fp8',
    ),
  ];
}

export function indexVariants(): HostileVariant[] {
  return [...brokenIndexes(), ...oddFileNames(), ...shards()];
}

const sharded = (
  name: string,
  code: HostileVariant['code'],
  names: readonly string[],
  damage: (files: CheckpointFiles) => void,
): HostileVariant => ({ name: `index: ${name}`, code, names, base: 'sharded', damage });

function brokenIndexes(): HostileVariant[] {
  const text = (name: string, change: (text: string) => string) =>
    sharded(name, 'ETAP_ERR_CHECKPOINT', [INDEX_FILE], (files) =>
      files.editText(INDEX_FILE, change),
    );
  const key = '"model.norm.weight":';
  return [
    text('empty', () => ''),
    text('not JSON', () => 'weights'),
    text('an array', () => '[]'),
    text('cut off', (whole) => whole.slice(0, whole.length / 2)),
    text('no weight_map', () => '{"metadata":{}}'),
    text('an empty weight_map', () => '{"metadata":{},"weight_map":{}}'),
    text('weight_map is an array', () => '{"weight_map":["model-1-of-2.safetensors"]}'),
    text('weight_map is null', () => '{"weight_map":null}'),
    text('a tensor twice', (whole) => whole.replace(key, `${key}"${FIRST_SHARD}",${key}`)),
  ];
}

function oddFileNames(): HostileVariant[] {
  const named = (name: string, value: unknown, names: readonly string[] = [INDEX_FILE]) =>
    sharded(name, 'ETAP_ERR_CHECKPOINT', names, (files) =>
      files.editIndex((index) => {
        index.weight_map['model.norm.weight'] = value;
      }),
    );
  return [
    named('a file that is not there', 'model-9-of-9.safetensors', ['model-9-of-9.safetensors']),
    named('a file in the folder above', '../model.safetensors'),
    named('a file in a folder below', 'weights/model.safetensors'),
    named('an absolute file', '/etc/passwd'),
    named('the folder itself', '.'),
    named('the folder above', '..'),
    named('an empty file name', ''),
    named('a zero byte in the file name', `${FIRST_SHARD}\0`),
    named('a number', 1),
    named('null', null),
    named('a list of files', [FIRST_SHARD]),
    named('config.json as a shard', 'config.json', ['config.json']),
  ];
}

function shards(): HostileVariant[] {
  const swap = (files: CheckpointFiles) =>
    files.editIndex((index) => {
      const norm = 'model.norm.weight';
      index.weight_map[norm] = index.weight_map[norm] === FIRST_SHARD ? SECOND_SHARD : FIRST_SHARD;
    });
  const extra = (files: CheckpointFiles) =>
    files.editIndex((index) => {
      index.weight_map['model.layers.2.extra'] = FIRST_SHARD;
    });
  const unlisted = (files: CheckpointFiles) => {
    const embed = 'model.embed_tokens.weight';
    files.removeTensor(FIRST_SHARD, embed);
    files.editIndex((index) => delete index.weight_map[embed]);
  };
  const copied = (files: CheckpointFiles) => {
    let first: Buffer = Buffer.alloc(0);
    files.edit(FIRST_SHARD, (bytes) => {
      first = bytes;
      return bytes;
    });
    files.edit(SECOND_SHARD, () => first);
  };
  const cut = (files: CheckpointFiles) =>
    files.edit(SECOND_SHARD, (bytes) => bytes.subarray(0, bytes.length - 1));
  const [checkpoint, tensor] = ['ETAP_ERR_CHECKPOINT', 'ETAP_ERR_TENSOR'] as const;
  return [
    sharded('a shard is missing', checkpoint, [SECOND_SHARD], (files) =>
      files.delete(SECOND_SHARD),
    ),
    sharded('the index is missing', checkpoint, [INDEX_FILE], (files) => files.delete(INDEX_FILE)),
    sharded('an empty shard', checkpoint, [SECOND_SHARD], (files) =>
      files.edit(SECOND_SHARD, () => Buffer.alloc(0)),
    ),
    sharded('a shard cut off', tensor, [SECOND_SHARD], cut),
    sharded('a shard twice', tensor, [SECOND_SHARD, FIRST_SHARD], copied),
    sharded('a tensor in the other shard', tensor, ['model.norm.weight', INDEX_FILE], swap),
    sharded('a tensor in no shard', tensor, ['model.layers.2.extra', INDEX_FILE], extra),
    sharded('a tensor neither in index nor shard', tensor, ['model.embed_tokens.weight'], unlisted),
  ];
}
