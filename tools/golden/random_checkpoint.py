"""Writes a seeded random checkpoint in the Hugging Face layout, as a user would have it.

Weights are drawn with numpy, so that a checkpoint does not depend on torch's generator. Gains are
chosen so that every part of the model matters: attention is neither uniform nor one-hot, each
layer adds as much to the residual stream as the embedding brings, and logits have a standard
deviation of about 3.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from logits_cases import Case

BLOCK = 128
FP8_MAX = 448.0
LOGIT_STD = 3.0
TORCH_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
CONFIG_TYPES = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32", "fp8": "bfloat16"}


def write_checkpoint(case: Case, folder: Path) -> None:
    """Writes config.json and the safetensors files of `case` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        **case.config,
        "torch_dtype": CONFIG_TYPES[case.storage],
        "transformers_version": "4.33.1",
    }
    text = json.dumps(dict(sorted(config.items())), indent=2)
    (folder / "config.json").write_text(text + "\n")
    tensors = WeightMaker(case).make()
    if case.shard_count == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        write_shards(tensors, case.shard_count, folder)


def write_shards(tensors: dict[str, torch.Tensor], count: int, folder: Path) -> None:
    """Cuts the tensors, in order, into `count` files of about equal bytes, with an index."""
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    shards: list[dict[str, torch.Tensor]] = [{} for _ in range(count)]
    weight_map, seen = {}, 0
    for name, tensor in tensors.items():
        shard = min(count - 1, seen * count // total)
        seen += tensor.numel() * tensor.element_size()
        shards[shard][name] = tensor
        weight_map[name] = f"model-{shard + 1:05d}-of-{count:05d}.safetensors"
    for shard, part in enumerate(shards):
        file = folder / f"model-{shard + 1:05d}-of-{count:05d}.safetensors"
        save_file(part, file, metadata={"format": "pt"})
    index = {
        "metadata": {"total_size": total},
        "weight_map": dict(sorted(weight_map.items())),
    }
    text = json.dumps(index, indent=2)
    (folder / "model.safetensors.index.json").write_text(text + "\n")


def seed_of(case: Case) -> int:
    """The case's seed: stable under reordering of the table."""
    return zlib.crc32(case.name.encode())


def is_moe_layer(config: dict, layer: int) -> bool:
    return layer >= config["first_k_dense_replace"] and layer % config["moe_layer_freq"] == 0


class WeightMaker:
    def __init__(self, case: Case):
        self.case = case
        self.config = case.config
        self.rng = np.random.Generator(np.random.PCG64(seed_of(case)))
        self.tensors: dict[str, torch.Tensor] = {}

    def make(self) -> dict[str, torch.Tensor]:
        config = self.config
        vocab, hidden = config["vocab_size"], config["hidden_size"]
        head_std = LOGIT_STD / math.sqrt(hidden)
        embed_std = head_std if config["tie_word_embeddings"] else 0.8
        self.plain("model.embed_tokens.weight", self.normal(vocab, hidden) * embed_std)
        layers = config["num_hidden_layers"]
        for layer in range(layers):
            self.layer(f"model.layers.{layer}", is_moe_layer(config, layer))
        if config.get("num_nextn_predict_layers"):
            self.prediction_layer(f"model.layers.{layers}")
        self.norm("model.norm.weight", hidden)
        if not config["tie_word_embeddings"]:
            self.plain("lm_head.weight", self.normal(vocab, hidden) * head_std)
        return self.tensors

    def layer(self, prefix: str, moe: bool) -> None:
        hidden = self.config["hidden_size"]
        self.norm(f"{prefix}.input_layernorm.weight", hidden)
        self.attention(f"{prefix}.self_attn")
        self.norm(f"{prefix}.post_attention_layernorm.weight", hidden)
        if moe:
            self.experts(f"{prefix}.mlp")
        else:
            self.feed_forward(f"{prefix}.mlp", self.config["intermediate_size"])

    def attention(self, prefix: str) -> None:
        config = self.config
        heads, hidden = config["num_attention_heads"], config["hidden_size"]
        rope, latent = config["qk_rope_head_dim"], config["kv_lora_rank"]
        nope, value = config["qk_nope_head_dim"], config["v_head_dim"]
        rank = config["q_lora_rank"]
        if rank is None:
            self.linear(f"{prefix}.q_proj", heads * (nope + rope), hidden, 1.0)
        else:
            self.linear(f"{prefix}.q_a_proj", rank, hidden, self.case.latent_gain)
            self.norm(f"{prefix}.q_a_layernorm.weight", rank)
            self.linear(f"{prefix}.q_b_proj", heads * (nope + rope), rank, 1.0)
        row_gain = np.full((latent + rope, 1), 1.2)
        row_gain[:latent] = self.case.latent_gain
        self.linear(f"{prefix}.kv_a_proj_with_mqa", latent + rope, hidden, row_gain)
        self.norm(f"{prefix}.kv_a_layernorm.weight", latent)
        self.linear(f"{prefix}.kv_b_proj", heads * (nope + value), latent, 1.2)
        self.linear(f"{prefix}.o_proj", hidden, heads * value, 1.5)

    def experts(self, prefix: str) -> None:
        config = self.config
        count, hidden = config["n_routed_experts"], config["hidden_size"]
        inner = config["moe_intermediate_size"]
        gain = self.case.router_gain / math.sqrt(hidden)
        self.plain(f"{prefix}.gate.weight", self.normal(count, hidden) * gain)
        if config["topk_method"] == "noaux_tc":
            # Partly below -1, so that some biased scores are negative: a group mask of 0.0
            # instead of -inf would then choose an expert of a masked group.
            bias = self.rng.uniform(-1.4, 0.2, count).astype(np.float32)
            self.tensors[f"{prefix}.gate.e_score_correction_bias"] = torch.from_numpy(bias)
        for expert in range(count):
            self.feed_forward(f"{prefix}.experts.{expert}", inner)
        if config["n_shared_experts"]:
            self.feed_forward(f"{prefix}.shared_experts", inner * config["n_shared_experts"])

    def feed_forward(self, prefix: str, inner: int) -> None:
        hidden = self.config["hidden_size"]
        self.linear(f"{prefix}.gate_proj", inner, hidden, 1.5)
        self.linear(f"{prefix}.up_proj", inner, hidden, 1.2)
        self.linear(f"{prefix}.down_proj", hidden, inner, 1.2)

    def prediction_layer(self, prefix: str) -> None:
        """The multi-token-prediction layer as V3 stores it: a normal layer and five tensors."""
        vocab, hidden = self.config["vocab_size"], self.config["hidden_size"]
        self.plain(f"{prefix}.embed_tokens.weight", self.normal(vocab, hidden))
        self.norm(f"{prefix}.enorm.weight", hidden)
        self.norm(f"{prefix}.hnorm.weight", hidden)
        self.plain(f"{prefix}.eh_proj.weight", self.normal(hidden, 2 * hidden))
        self.layer(prefix, moe=True)
        self.norm(f"{prefix}.shared_head.norm.weight", hidden)
        self.plain(f"{prefix}.shared_head.head.weight", self.normal(vocab, hidden))

    def normal(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape)

    def norm(self, name: str, width: int) -> None:
        self.plain(name, self.rng.uniform(0.6, 1.4, width))

    def plain(self, name: str, values: np.ndarray) -> None:
        storage = "bf16" if self.case.storage == "fp8" else self.case.storage
        tensor = torch.from_numpy(values.astype(np.float32))
        self.tensors[name] = tensor.to(TORCH_TYPES[storage])

    def linear(self, name: str, rows: int, columns: int, gain: float | np.ndarray) -> None:
        values = self.normal(rows, columns) * gain / math.sqrt(columns)
        if self.case.storage == "fp8":
            self.blocks(name, values)
        else:
            self.plain(f"{name}.weight", values)

    def blocks(self, name: str, values: np.ndarray) -> None:
        """Quantises to e4m3 with one scale per 128 x 128 block; edge blocks are smaller."""
        rows, columns = values.shape
        grid = (math.ceil(rows / BLOCK), math.ceil(columns / BLOCK))
        scales = np.zeros(grid, np.float32)
        scaled = np.zeros((rows, columns), np.float32)
        for i, j in np.ndindex(grid):
            block = np.s_[i * BLOCK : (i + 1) * BLOCK, j * BLOCK : (j + 1) * BLOCK]
            # Blocks of different magnitude: a scale taken from a neighbour must show.
            part = values[block] * self.rng.uniform(0.6, 1.4)
            scales[i, j] = round_scale(np.abs(part).max() / FP8_MAX, self.case.scale_rounding)
            scaled[block] = part / scales[i, j]
        assert np.abs(scaled).max() <= FP8_MAX * (1 + 1e-6)
        clipped = torch.from_numpy(scaled.clip(-FP8_MAX, FP8_MAX))
        self.tensors[f"{name}.weight"] = clipped.to(torch.float8_e4m3fn)
        self.tensors[f"{name}.weight_scale_inv"] = torch.from_numpy(scales)


def round_scale(scale: float, rounding: str) -> np.float32:
    """Rounds up (never overflows e4m3) to the significant bits that `rounding` names."""
    bits = {"fp32": 24, "short": 4, "e8m0": 1}[rounding]
    mantissa, exponent = math.frexp(scale)
    if bits == 1:
        return np.float32(2.0 ** math.ceil(math.log2(scale)))
    return np.float32(math.ldexp(math.ceil(math.ldexp(mantissa, bits)), exponent - bits))
