"""The shape of the demo model: the content of config.json and generation_config.json."""

from dataclasses import dataclass

VOCAB_SIZE = 4096
MAX_POSITION_EMBEDDINGS = 8192
FP8_BLOCK = 128


@dataclass(frozen=True)
class Shape:
    """Sizes under the names of config.json. The defaults are the demo model.

    Attention has DeepSeek's own head sizes, so that kernels run at the shapes they are made for;
    what is small is the hidden size, the number of layers, the experts and the vocabulary.
    """

    vocab_size: int = VOCAB_SIZE
    hidden_size: int = 256
    num_hidden_layers: int = 4
    num_attention_heads: int = 16
    q_lora_rank: int = 256
    kv_lora_rank: int = 512
    qk_nope_head_dim: int = 128
    qk_rope_head_dim: int = 64
    v_head_dim: int = 128
    intermediate_size: int = 768
    moe_intermediate_size: int = 128
    n_routed_experts: int = 8
    n_shared_experts: int = 1
    num_experts_per_tok: int = 2
    n_group: int = 4
    topk_group: int = 2
    first_k_dense_replace: int = 1
    routed_scaling_factor: float = 2.5
    rms_norm_eps: float = 1e-6
    rope_theta: float = 10000.0
    rope_factor: float = 4.0
    rope_original_positions: int = 2048
    rope_beta_fast: int = 32
    rope_beta_slow: int = 1
    rope_mscale: float = 1.0

    @property
    def qk_head_dim(self) -> int:
        return self.qk_nope_head_dim + self.qk_rope_head_dim


# Small enough to rehearse training on a CPU.
REHEARSAL = Shape(
    hidden_size=128,
    num_attention_heads=4,
    q_lora_rank=64,
    kv_lora_rank=64,
    qk_nope_head_dim=32,
    qk_rope_head_dim=16,
    v_head_dim=32,
    intermediate_size=256,
    moe_intermediate_size=64,
)


def hf_config(shape: Shape, fp8: bool) -> dict:
    """config.json as DeepSeek-V3 checkpoints have it."""
    config: dict = {
        "architectures": ["DeepseekV3ForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
        "ep_size": 1,
        "first_k_dense_replace": shape.first_k_dense_replace,
        "hidden_act": "silu",
        "hidden_size": shape.hidden_size,
        "initializer_range": 0.02,
        "intermediate_size": shape.intermediate_size,
        "kv_lora_rank": shape.kv_lora_rank,
        "max_position_embeddings": MAX_POSITION_EMBEDDINGS,
        "model_type": "deepseek_v3",
        "moe_intermediate_size": shape.moe_intermediate_size,
        "moe_layer_freq": 1,
        "n_group": shape.n_group,
        "n_routed_experts": shape.n_routed_experts,
        "n_shared_experts": shape.n_shared_experts,
        "norm_topk_prob": True,
        "num_attention_heads": shape.num_attention_heads,
        "num_experts_per_tok": shape.num_experts_per_tok,
        "num_hidden_layers": shape.num_hidden_layers,
        "num_key_value_heads": shape.num_attention_heads,
        "num_nextn_predict_layers": 0,
        "q_lora_rank": shape.q_lora_rank,
        "qk_nope_head_dim": shape.qk_nope_head_dim,
        "qk_rope_head_dim": shape.qk_rope_head_dim,
        "rms_norm_eps": shape.rms_norm_eps,
        "rope_interleave": True,
        "rope_scaling": {
            "beta_fast": shape.rope_beta_fast,
            "beta_slow": shape.rope_beta_slow,
            "factor": shape.rope_factor,
            "mscale": shape.rope_mscale,
            "mscale_all_dim": shape.rope_mscale,
            "original_max_position_embeddings": shape.rope_original_positions,
            "type": "yarn",
        },
        "rope_theta": shape.rope_theta,
        "routed_scaling_factor": shape.routed_scaling_factor,
        "scoring_func": "sigmoid",
        "tie_word_embeddings": False,
        "topk_group": shape.topk_group,
        "topk_method": "noaux_tc",
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "v_head_dim": shape.v_head_dim,
        "vocab_size": shape.vocab_size,
    }
    if fp8:
        config["quantization_config"] = {
            "activation_scheme": "dynamic",
            "fmt": "e4m3",
            "quant_method": "fp8",
            "weight_block_size": [FP8_BLOCK, FP8_BLOCK],
        }
    return config


def generation_config() -> dict:
    """Mild sampling: the tasks have one right answer, prose wants some life."""
    return {
        "_from_model_config": False,
        "bos_token_id": 0,
        "do_sample": True,
        "eos_token_id": [1],
        "pad_token_id": 2,
        "temperature": 0.6,
        "top_p": 0.95,
    }
