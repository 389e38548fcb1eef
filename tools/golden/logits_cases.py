"""The random checkpoints whose logits are golden: one `Case` per folder of test/golden/logits.

Together the cases cover every form of checkpoint that the engine must load. Dimensions are tiny,
except in the two kernel-shape cases, whose attention has the widths of DeepSeek-V3 and V2-Lite.
"""

from dataclasses import dataclass
from typing import Any

FP8_CONFIG = {
    "activation_scheme": "dynamic",
    "fmt": "e4m3",
    "quant_method": "fp8",
    "weight_block_size": [128, 128],
}


def yarn(factor: float, original: int, **extra: Any) -> dict[str, Any]:
    """rope_scaling as DeepSeek writes it; mscale fields only where the case names them."""
    return {
        "beta_fast": 32,
        "beta_slow": 1,
        "factor": factor,
        "original_max_position_embeddings": original,
        "type": "yarn",
        **extra,
    }


@dataclass(frozen=True)
class Case:
    name: str
    covers: str
    config: dict[str, Any]
    # Stored type of the weights: bf16, fp16, fp32, or fp8 (linear layers e4m3, the rest bf16).
    storage: str
    prompt_lengths: tuple[int, ...]
    # How an FP8 block's scale is rounded: "fp32" (any value), "short" (4 significant bits, so
    # that the dequantised weight is exact in bf16), "e8m0" (a power of two, as in V3.1).
    scale_rounding: str = "fp32"
    shard_count: int = 1
    # Multiplies kv_a and q_a, so that rms_norm_eps of the inner norms becomes visible.
    latent_gain: float = 1.0
    # Router scores of the real models are spread; a wider spread keeps routing decisive.
    router_gain: float = 2.5
    # How many last tokens, and how many whole prompts, the search for clear margins tries.
    search_candidates: int = 128
    search_attempts: int = 6


_SMALL = {
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "first_k_dense_replace": 1,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 64,
    "kv_lora_rank": 32,
    "max_position_embeddings": 2048,
    "moe_intermediate_size": 16,
    "moe_layer_freq": 1,
    "n_group": 1,
    "n_routed_experts": 8,
    "n_shared_experts": 1,
    "norm_topk_prob": False,
    "num_attention_heads": 4,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 2,
    "num_key_value_heads": 4,
    "pretraining_tp": 1,
    "q_lora_rank": None,
    "qk_nope_head_dim": 16,
    "qk_rope_head_dim": 16,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 10000,
    "routed_scaling_factor": 1.0,
    "scoring_func": "softmax",
    "tie_word_embeddings": False,
    "topk_group": 1,
    "topk_method": "greedy",
    "use_cache": True,
    "v_head_dim": 16,
    "vocab_size": 128,
}

_V2 = {**_SMALL, "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2"}

_V3 = {
    **_SMALL,
    "architectures": ["DeepseekV3ForCausalLM"],
    "model_type": "deepseek_v3",
    "n_group": 4,
    "n_routed_experts": 16,
    "norm_topk_prob": True,
    "num_experts_per_tok": 4,
    "num_nextn_predict_layers": 0,
    "q_lora_rank": 32,
    "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid",
    "topk_group": 2,
    "topk_method": "noaux_tc",
}

# The widths of one rank of DeepSeek-R1 at TP8, and of all of V2-Lite.
_KERNEL_SHAPE = {
    "kv_lora_rank": 512,
    "num_attention_heads": 16,
    "num_hidden_layers": 1,
    "num_key_value_heads": 16,
    "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64,
    "v_head_dim": 128,
}

_V2_CASES = (
    Case(
        name="v2-direct-q-greedy-bf16",
        covers="V2-Lite form: direct q, no rope scaling, softmax greedy, two shared experts",
        config={**_V2, "n_shared_experts": 2, "num_experts_per_tok": 3},
        storage="bf16",
        prompt_lengths=(1, 65, 200),
    ),
    Case(
        name="v2-group-limited-yarn-bf16",
        covers="V2 236B form: low-rank q, group_limited_greedy, factor 16, YaRN 0.707 = 0.707",
        config={
            **_V2,
            "max_position_embeddings": 2560,
            "n_group": 4,
            "n_routed_experts": 12,
            "n_shared_experts": 2,
            "num_experts_per_tok": 4,
            "q_lora_rank": 48,
            "rope_scaling": yarn(40, 64, mscale=0.707, mscale_all_dim=0.707),
            "routed_scaling_factor": 16.0,
            "topk_group": 2,
            "topk_method": "group_limited_greedy",
        },
        storage="bf16",
        prompt_lengths=(1, 64, 130),
        shard_count=3,
    ),
    Case(
        name="v2-mscale-differs-fp16",
        covers="YaRN with mscale 0.707 and mscale_all_dim 1.0 (cos and sin are scaled), no dense "
        "layer, fp16, odd vocabulary, tied embeddings",
        config={
            **_V2,
            "first_k_dense_replace": 0,
            "hidden_size": 64,
            "max_position_embeddings": 2560,
            "n_routed_experts": 6,
            "rope_scaling": yarn(40, 64, mscale=0.707, mscale_all_dim=1.0),
            "tie_word_embeddings": True,
            "vocab_size": 193,
        },
        storage="fp16",
        prompt_lengths=(63, 1, 130),
    ),
    Case(
        name="v2-mscale-all-dim-zero-fp32",
        covers="YaRN with mscale_all_dim 0 (cos and sin scaled, softmax scale not), no shared "
        "expert, two dense layers, rope 32, v wider than nope, fp32",
        config={
            **_V2,
            "first_k_dense_replace": 2,
            "intermediate_size": 48,
            "max_position_embeddings": 640,
            "n_routed_experts": 4,
            "n_shared_experts": 0,
            "num_attention_heads": 2,
            "num_hidden_layers": 3,
            "num_key_value_heads": 2,
            "qk_rope_head_dim": 32,
            "rope_scaling": yarn(10, 64, mscale=1.0, mscale_all_dim=0),
            "v_head_dim": 32,
        },
        storage="fp32",
        prompt_lengths=(64, 129, 2),
    ),
    Case(
        name="v2-lite-kernel-shape-fp8",
        covers="widths of V2-Lite (kv_lora_rank 512, rope 64, nope 128, v 128, 16 heads), direct "
        "q, FP8 with any fp32 scale, kv_a of 4.5 scale blocks, YaRN beyond its original length",
        config={
            **_V2,
            **_KERNEL_SHAPE,
            "first_k_dense_replace": 0,
            "max_position_embeddings": 2560,
            "n_shared_experts": 2,
            "num_experts_per_tok": 3,
            "quantization_config": FP8_CONFIG,
            "rope_scaling": yarn(40, 64, mscale=0.707, mscale_all_dim=0.707),
        },
        storage="fp8",
        prompt_lengths=(1, 65, 130),
        search_candidates=64,
        search_attempts=2,
    ),
)

_V3_CASES = (
    Case(
        name="v3-noaux-mtp-bf16",
        covers="V3 form: low-rank q, sigmoid noaux_tc with bias and groups, YaRN 1.0 = 1.0, two "
        "shards, a multi-token-prediction layer that must be ignored",
        config={
            **_V3,
            "max_position_embeddings": 2560,
            "num_nextn_predict_layers": 1,
            "rope_scaling": yarn(40, 64, mscale=1.0, mscale_all_dim=1.0),
        },
        storage="bf16",
        prompt_lengths=(1, 63, 130),
        shard_count=2,
    ),
    Case(
        name="v3-direct-q-eps-fp32",
        covers="Moonlight form: V3 routing with direct q and one group, rms_norm_eps 1e-5 with a "
        "small latent (the inner norms keep 1e-6), fp32",
        config={
            **_V3,
            "n_group": 1,
            "n_routed_experts": 8,
            "n_shared_experts": 2,
            "num_experts_per_tok": 3,
            "q_lora_rank": None,
            "rms_norm_eps": 1e-05,
            "rope_theta": 50000.0,
            "routed_scaling_factor": 2.446,
            "topk_group": 1,
        },
        storage="fp32",
        prompt_lengths=(65, 1, 128),
        latent_gain=0.004,
    ),
    Case(
        name="v3-sparse-layers-bf16",
        covers="moe_layer_freq 2 (layers dense, dense, MoE, dense), norm_topk_prob false, no "
        "shared expert, YaRN without mscale fields",
        config={
            **_V3,
            "intermediate_size": 48,
            "max_position_embeddings": 2560,
            "moe_layer_freq": 2,
            "n_shared_experts": 0,
            "norm_topk_prob": False,
            "num_hidden_layers": 4,
            "rope_scaling": yarn(40, 64),
            "routed_scaling_factor": 1.5,
        },
        storage="bf16",
        prompt_lengths=(1, 64, 129),
    ),
    Case(
        name="v3-twenty-heads-fp8",
        covers="20 heads (not a multiple of 8 or 16), no dense layer, FP8 with any fp32 scale",
        config={
            **_V3,
            "first_k_dense_replace": 0,
            "n_group": 2,
            "n_routed_experts": 8,
            "num_attention_heads": 20,
            "num_key_value_heads": 20,
            "quantization_config": FP8_CONFIG,
            "topk_group": 1,
        },
        storage="fp8",
        prompt_lengths=(65, 5, 130),
    ),
    Case(
        name="v3-wide-heads-fp8",
        covers="GLM form: nope 192, rope 64, v 256, three heads, no groups, beta_fast = beta_slow "
        "= 1, FP8 with scales of 4 significant bits",
        config={
            **_V3,
            "first_k_dense_replace": 0,
            "n_group": 1,
            "n_routed_experts": 8,
            "num_attention_heads": 3,
            "num_hidden_layers": 1,
            "num_key_value_heads": 3,
            "q_lora_rank": 64,
            "qk_nope_head_dim": 192,
            "qk_rope_head_dim": 64,
            "quantization_config": FP8_CONFIG,
            "rope_scaling": {
                **yarn(32, 64, mscale=1.0, mscale_all_dim=1.0),
                "beta_fast": 1.0,
            },
            "rope_theta": 50000.0,
            "routed_scaling_factor": 1.8,
            "topk_group": 1,
            "v_head_dim": 256,
        },
        storage="fp8",
        prompt_lengths=(1, 64, 130),
        scale_rounding="short",
    ),
    Case(
        name="v3-fp8-partial-blocks",
        covers="FP8 with power-of-two scales and no dimension a multiple of 128, a dense and a "
        "MoE layer, tied embeddings, three shards",
        config={
            **_V3,
            "hidden_size": 160,
            "intermediate_size": 144,
            "kv_lora_rank": 96,
            "moe_intermediate_size": 32,
            "n_group": 2,
            "n_routed_experts": 4,
            "num_attention_heads": 2,
            "num_experts_per_tok": 2,
            "num_key_value_heads": 2,
            "q_lora_rank": 96,
            "qk_nope_head_dim": 64,
            "quantization_config": {**FP8_CONFIG, "scale_fmt": "ue8m0"},
            "tie_word_embeddings": True,
            "topk_group": 1,
            "v_head_dim": 48,
        },
        storage="fp8",
        prompt_lengths=(64, 1, 130),
        scale_rounding="e8m0",
        shard_count=3,
    ),
    Case(
        name="v3-kernel-shape-fp8",
        covers="widths of one rank of R1 at TP8 (kv_lora_rank 512, rope 64, nope 128, v 128, 16 "
        "heads), low-rank q, FP8 with scales of 4 significant bits, YaRN as in R1",
        config={
            **_V3,
            **_KERNEL_SHAPE,
            "first_k_dense_replace": 0,
            "max_position_embeddings": 163840,
            "quantization_config": FP8_CONFIG,
            "rope_scaling": yarn(40, 4096, mscale=1.0, mscale_all_dim=1.0),
        },
        storage="fp8",
        prompt_lengths=(1, 63, 130),
        scale_rounding="short",
        search_candidates=64,
        search_attempts=2,
    ),
)

CASES: tuple[Case, ...] = _V2_CASES + _V3_CASES
