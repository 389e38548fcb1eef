"""Writes a generated bench checkpoint as GGUF, so that llama.cpp and ik_llama.cpp run the same weights.

    pip install gguf==0.19.0 numpy
    python gguf_from_checkpoint.py CHECKPOINT OUT.gguf [--q-lora-rank R]

ik_llama.cpp does not load this architecture with a direct query projection and few layers; with
--q-lora-rank the projection is replaced by a low-rank pair of the same number of weights (768 for S,
1216 for M), which costs the same bytes and FLOPs.
"""

import argparse
import json
from pathlib import Path

import gguf
import numpy as np

BF16 = gguf.GGMLQuantizationType.BF16
NOPE, ROPE, VALUE = 128, 64, 128


class Checkpoint:
    """Tensors of one bf16 safetensors file as uint16 arrays over a mapping of it."""

    def __init__(self, folder: Path):
        self.config = json.loads((folder / "config.json").read_text())
        self.tokenizer = json.loads((folder / "tokenizer.json").read_text())
        path = folder / "model.safetensors"
        size = int.from_bytes(path.open("rb").read(8), "little")
        with path.open("rb") as file:
            file.seek(8)
            self._entries = json.loads(file.read(size))
        self._data = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + size)

    def __getitem__(self, name: str) -> np.ndarray:
        entry = self._entries[name]
        begin, end = entry["data_offsets"]
        return self._data[begin:end].view(np.uint16).reshape(entry["shape"])


class Writer:
    def __init__(self, path: Path):
        self.gguf = gguf.GGUFWriter(str(path), "deepseek2")

    def bf16(self, name: str, values: np.ndarray) -> None:
        rows = np.ascontiguousarray(values)
        as_bytes = rows.view(np.uint8).reshape(*rows.shape[:-1], 2 * rows.shape[-1])
        self.gguf.add_tensor(f"{name}.weight", as_bytes, raw_dtype=BF16)

    def f32(self, name: str, values: np.ndarray) -> None:
        wide = (values.astype(np.uint32) << 16).view(np.float32)
        self.gguf.add_tensor(f"{name}.weight", wide)


def write_header(writer: gguf.GGUFWriter, config: dict, q_lora_rank: int) -> None:
    heads = config["num_attention_heads"]
    writer.add_name("etap-bench")
    writer.add_file_type(32)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(1)
    writer.add_q_lora_rank(q_lora_rank)
    writer.add_kv_lora_rank(config["kv_lora_rank"])
    writer.add_key_length(config["kv_lora_rank"] + ROPE)
    writer.add_value_length(config["kv_lora_rank"])
    writer.add_key_length_mla(NOPE + ROPE)
    writer.add_value_length_mla(VALUE)
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_rope_dimension_count(ROPE)
    writer.add_leading_dense_block_count(config["first_k_dense_replace"])
    writer.add_expert_count(config["n_routed_experts"])
    writer.add_expert_used_count(config["num_experts_per_tok"])
    writer.add_expert_shared_count(config["n_shared_experts"])
    writer.add_expert_feed_forward_length(config["moe_intermediate_size"])
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SOFTMAX)
    writer.add_expert_weights_scale(config["routed_scaling_factor"])
    writer.add_expert_weights_norm(config["norm_topk_prob"])


def write_tokenizer(writer: gguf.GGUFWriter, config: dict, tokenizer: dict) -> None:
    ids = tokenizer["model"]["vocab"]
    tokens = sorted(ids, key=ids.get) + [token["content"] for token in tokenizer["added_tokens"]]
    normal = len(ids)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * normal + [gguf.TokenType.CONTROL] * 2)
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    writer.add_add_bos_token(False)


def write_attention(writer: Writer, source: Checkpoint, layer: int, q_lora_rank: int) -> None:
    prefix, out = f"model.layers.{layer}.self_attn", f"blk.{layer}"
    heads = source.config["num_attention_heads"]
    query = source[f"{prefix}.q_proj.weight"]
    if q_lora_rank == 0:
        writer.bf16(f"{out}.attn_q", query)
    else:
        flat = query.reshape(-1)
        hidden = query.shape[1]
        rows = query.shape[0]
        writer.bf16(f"{out}.attn_q_a", flat[: q_lora_rank * hidden].reshape(q_lora_rank, hidden))
        writer.f32(f"{out}.attn_q_a_norm", np.full(q_lora_rank, 0x3F80, dtype=np.uint16))
        second = np.resize(flat[::-1], rows * q_lora_rank).reshape(rows, q_lora_rank)
        writer.bf16(f"{out}.attn_q_b", second)
    writer.bf16(f"{out}.attn_kv_a_mqa", source[f"{prefix}.kv_a_proj_with_mqa.weight"])
    writer.f32(f"{out}.attn_kv_a_norm", source[f"{prefix}.kv_a_layernorm.weight"])
    kv_b = source[f"{prefix}.kv_b_proj.weight"].reshape(heads, NOPE + VALUE, -1)
    writer.bf16(f"{out}.attn_k_b", kv_b[:, :NOPE].transpose(0, 2, 1))
    writer.bf16(f"{out}.attn_v_b", kv_b[:, NOPE:])
    writer.bf16(f"{out}.attn_output", source[f"{prefix}.o_proj.weight"])


def write_feed_forward(writer: Writer, source: Checkpoint, layer: int) -> None:
    prefix, out = f"model.layers.{layer}.mlp", f"blk.{layer}"
    parts = ("gate", "up", "down")
    if layer < source.config["first_k_dense_replace"]:
        for part in parts:
            writer.bf16(f"{out}.ffn_{part}", source[f"{prefix}.{part}_proj.weight"])
        return
    writer.f32(f"{out}.ffn_gate_inp", source[f"{prefix}.gate.weight"])
    for part in parts:
        shared = source[f"{prefix}.shared_experts.{part}_proj.weight"]
        writer.bf16(f"{out}.ffn_{part}_shexp", shared)
        experts = range(source.config["n_routed_experts"])
        stacked = [source[f"{prefix}.experts.{e}.{part}_proj.weight"] for e in experts]
        writer.bf16(f"{out}.ffn_{part}_exps", np.stack(stacked))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--q-lora-rank", type=int, default=0)
    arguments = parser.parse_args()
    source = Checkpoint(arguments.checkpoint)
    writer = Writer(arguments.out)
    write_header(writer.gguf, source.config, arguments.q_lora_rank)
    write_tokenizer(writer.gguf, source.config, source.tokenizer)
    writer.bf16("token_embd", source["model.embed_tokens.weight"])
    for layer in range(source.config["num_hidden_layers"]):
        norms = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
        for out, name in norms.items():
            writer.f32(f"blk.{layer}.{out}", source[f"model.layers.{layer}.{name}.weight"])
        write_attention(writer, source, layer, arguments.q_lora_rank)
        write_feed_forward(writer, source, layer)
    writer.f32("output_norm", source["model.norm.weight"])
    writer.bf16("output", source["lm_head.weight"])
    writer.gguf.write_header_to_file()
    writer.gguf.write_kv_data_to_file()
    writer.gguf.write_tensors_to_file()
    writer.gguf.close()


if __name__ == "__main__":
    main()
