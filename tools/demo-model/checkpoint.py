"""Network state <-> the tensors of a Hugging Face DeepSeek-V3 checkpoint, in FP8 or bf16."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from fp8 import dequantise, quantise
from shape import Shape

SHARD_BYTES_MAX = 12_000_000

State = dict[str, Tensor]


def is_fp8(name: str) -> bool:
    """Whether a checkpoint stores this weight in FP8: the projections, as in DeepSeek-V3."""
    return name.endswith("_proj.weight") or name.endswith("kv_a_proj_with_mqa.weight")


def to_hf(state: State, shape: Shape, fp8: bool) -> State:
    """Splits the stacked experts, renames and converts. Order: as the layers run."""
    tensors: State = {}
    for name, tensor in _unstacked(state, shape):
        tensor = tensor.detach().cpu()
        if name.endswith("e_score_correction_bias"):
            # Only differences between biases matter; from zero up, score + bias stays positive.
            tensors[name] = (tensor - tensor.min()).float()
        elif is_fp8(name):
            quantised, scale_inv = quantise(tensor)
            if fp8:
                tensors[name] = quantised
                tensors[f"{name}_scale_inv"] = scale_inv
            else:
                tensors[name] = dequantise(quantised, scale_inv).bfloat16()
        else:
            tensors[name] = tensor.bfloat16()
    return tensors


def from_hf(tensors: State, shape: Shape) -> State:
    """The inverse of `to_hf`, in fp32."""
    plain: State = {}
    for name, tensor in tensors.items():
        if name.endswith("_scale_inv"):
            continue
        scale_inv = tensors.get(f"{name}_scale_inv")
        plain[name] = tensor.float() if scale_inv is None else dequantise(tensor, scale_inv)
    state: State = {}
    for name in list(plain):
        prefix, separator, rest = name.partition(".experts.")
        if not separator:
            state[name.removeprefix("model.")] = plain[name]
            continue
        projection = rest.split(".", 1)[1]
        key = f"{prefix}.experts.{projection}".removeprefix("model.")
        if key not in state:
            experts = range(shape.n_routed_experts)
            parts = [plain[f"{prefix}.experts.{e}.{projection}"] for e in experts]
            state[key] = torch.cat(parts, dim=_stacked_dim(projection))
    return state


def _unstacked(state: State, shape: Shape):
    for name, tensor in state.items():
        hf_name = name if name.startswith("lm_head") else f"model.{name}"
        prefix, separator, projection = hf_name.partition(".mlp.experts.")
        if not separator:
            yield hf_name, tensor
            continue
        parts = tensor.chunk(shape.n_routed_experts, dim=_stacked_dim(projection))
        for expert, part in enumerate(parts):
            yield f"{prefix}.mlp.experts.{expert}.{projection}", part.contiguous()


def _stacked_dim(projection: str) -> int:
    """Experts lie side by side along their inner dimension."""
    return 1 if projection.startswith("down_proj") else 0


def save_sharded(tensors: State, folder: Path, stem: str, bytes_max: int = SHARD_BYTES_MAX) -> None:
    """Writes `STEM-00001-of-0000N.safetensors` and the index that Hugging Face loaders read."""
    folder.mkdir(parents=True, exist_ok=True)
    shards: list[State] = [{}]
    size = 0
    for name, tensor in tensors.items():
        # A weight and its scales stay in one file.
        if size + tensor.nbytes > bytes_max and not name.endswith("_scale_inv"):
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    weight_map = {}
    for index, shard in enumerate(shards, start=1):
        file = f"{stem}-{index:05d}-of-{len(shards):05d}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        (folder / file).chmod(0o644)
        weight_map.update(dict.fromkeys(shard, file))
    total = sum(tensor.nbytes for tensor in tensors.values())
    index_json = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    text = json.dumps(index_json, indent=2) + "\n"
    (folder / f"{stem}.safetensors.index.json").write_text(text, encoding="utf-8")


def load_sharded(folder: Path, stem: str) -> State:
    index = json.loads((folder / f"{stem}.safetensors.index.json").read_text(encoding="utf-8"))
    tensors: State = {}
    for file in sorted(set(index["weight_map"].values())):
        tensors.update(load_file(folder / file))
    return tensors
