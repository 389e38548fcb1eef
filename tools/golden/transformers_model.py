"""Loads a checkpoint folder into transformers' own DeepseekV2/V3ForCausalLM in float32.

The weights are dequantised first (FP8 value times scale, in float32) and written as a plain
float32 checkpoint, which `from_pretrained` then loads in its usual way.
"""

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, DeepseekV2ForCausalLM, DeepseekV3ForCausalLM
from transformers.models.deepseek_v2 import modeling_deepseek_v2 as v2
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as v3

from checkpoint_reader import weight_files

BLOCK = 128


def load_model(folder: Path) -> torch.nn.Module:
    config_json = json.loads((folder / "config.json").read_text())
    config_json.pop("quantization_config", None)
    is_v2 = config_json["model_type"] == "deepseek_v2"
    with tempfile.TemporaryDirectory() as plain:
        (Path(plain) / "config.json").write_text(json.dumps(config_json))
        save_file(dequantised(folder), Path(plain) / "model.safetensors", {"format": "pt"})
        config = AutoConfig.from_pretrained(plain)
        with dense_layers_by_frequency(config_json.get("moe_layer_freq", 1)):
            model = (DeepseekV2ForCausalLM if is_v2 else DeepseekV3ForCausalLM).from_pretrained(
                plain,
                config=config,
                dtype=torch.float32,
                attn_implementation="eager",
                experts_implementation="eager",
            )
    return model.eval()


def dequantised(folder: Path) -> dict[str, torch.Tensor]:
    stored: dict[str, torch.Tensor] = {}
    for file in weight_files(folder):
        stored.update(load_file(folder / file))
    plain = {}
    for name, tensor in stored.items():
        if name.endswith(".weight_scale_inv"):
            continue
        values = tensor.to(torch.float32)
        if tensor.dtype == torch.float8_e4m3fn:
            scales = stored[f"{name}_scale_inv"].repeat_interleave(BLOCK, 0)
            scales = scales.repeat_interleave(BLOCK, 1)
            values = values * scales[: tensor.shape[0], : tensor.shape[1]]
        plain[name] = values
    return plain


@contextmanager
def dense_layers_by_frequency(frequency: int):
    """transformers ignores moe_layer_freq; this puts its own dense MLP where the rule asks."""
    originals = (v2.DeepseekV2DecoderLayer.__init__, v3.DeepseekV3DecoderLayer.__init__)

    def build(original, mlp):
        def init(self, config, layer_idx):
            original(self, config, layer_idx)
            if layer_idx % frequency:
                self.mlp = mlp(config)

        return init

    v2.DeepseekV2DecoderLayer.__init__ = build(originals[0], v2.DeepseekV2MLP)
    v3.DeepseekV3DecoderLayer.__init__ = build(originals[1], v3.DeepseekV3MLP)
    try:
        yield
    finally:
        v2.DeepseekV2DecoderLayer.__init__, v3.DeepseekV3DecoderLayer.__init__ = originals
