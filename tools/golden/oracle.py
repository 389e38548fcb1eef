"""DeepSeek-V2 and V3 in numpy float64, written from the equations of the papers and the rules of
the official modelling code. It is slow and plain on purpose: keys and values are expanded, one
sequence at a time, no cache. transformers is checked against it, so that neither alone decides.

Sources: DeepSeek-V2 (arXiv 2405.04434) section 2.1, DeepSeek-V3 (arXiv 2412.19437) section 2.1,
YaRN (arXiv 2309.00071).
"""

import math
from pathlib import Path

import numpy as np

from checkpoint_reader import Checkpoint

# The official modules build the norms of both latents without an eps argument.
LATENT_NORM_EPS = 1e-6


class Oracle:
    def __init__(self, folder: Path):
        self.checkpoint = Checkpoint(folder)
        self.config = self.checkpoint.config

    def logits(self, ids: list[int]) -> np.ndarray:
        """Logits of every position: [tokens, vocab] float64."""
        config = self.config
        embedding = self.weight("model.embed_tokens")
        x = embedding[np.array(ids)]
        for layer in range(config["num_hidden_layers"]):
            prefix = f"model.layers.{layer}"
            normed = self.norm(f"{prefix}.input_layernorm", x, config["rms_norm_eps"])
            x = x + self.attention(f"{prefix}.self_attn", normed)
            normed = self.norm(f"{prefix}.post_attention_layernorm", x, config["rms_norm_eps"])
            x = x + self.feed_forward_or_experts(layer, normed)
        x = self.norm("model.norm", x, config["rms_norm_eps"])
        tied = config["tie_word_embeddings"]
        return x @ (embedding if tied else self.weight("lm_head")).T

    def attention(self, prefix: str, x: np.ndarray) -> np.ndarray:
        config = self.config
        tokens, heads = len(x), config["num_attention_heads"]
        rope, latent = config["qk_rope_head_dim"], config["kv_lora_rank"]
        nope, value = config["qk_nope_head_dim"], config["v_head_dim"]
        q = self.query(prefix, x).reshape(tokens, heads, nope + rope)
        compressed = x @ self.weight(f"{prefix}.kv_a_proj_with_mqa").T
        c_kv = self.norm(f"{prefix}.kv_a_layernorm", compressed[:, :latent], LATENT_NORM_EPS)
        expanded = (c_kv @ self.weight(f"{prefix}.kv_b_proj").T).reshape(tokens, heads, -1)
        k_nope, v = expanded[..., :nope], expanded[..., nope:]
        angles, cos_sin_scale = rope_angles(config, tokens)
        q_pe = rotate_pairs(q[..., nope:], angles[:, None], cos_sin_scale)
        k_pe = rotate_pairs(compressed[:, latent:], angles, cos_sin_scale)
        scores = np.einsum("thd,shd->hts", q[..., :nope], k_nope)
        scores = (scores + np.einsum("thd,sd->hts", q_pe, k_pe)) * softmax_scale(config)
        scores[:, np.triu(np.ones((tokens, tokens), bool), 1)] = -np.inf
        out = np.einsum("hts,shd->thd", softmax(scores), v)
        return out.reshape(tokens, heads * value) @ self.weight(f"{prefix}.o_proj").T

    def query(self, prefix: str, x: np.ndarray) -> np.ndarray:
        if self.config["q_lora_rank"] is None:
            return x @ self.weight(f"{prefix}.q_proj").T
        c_q = x @ self.weight(f"{prefix}.q_a_proj").T
        c_q = self.norm(f"{prefix}.q_a_layernorm", c_q, LATENT_NORM_EPS)
        return c_q @ self.weight(f"{prefix}.q_b_proj").T

    def feed_forward_or_experts(self, layer: int, x: np.ndarray) -> np.ndarray:
        config, prefix = self.config, f"model.layers.{layer}.mlp"
        if layer < config["first_k_dense_replace"] or layer % config["moe_layer_freq"]:
            return self.feed_forward(prefix, x)
        chosen, weights = self.route(prefix, x)
        out = np.zeros_like(x)
        for token in range(len(x)):
            for expert, weight in zip(chosen[token], weights[token]):
                y = self.feed_forward(f"{prefix}.experts.{expert}", x[token])
                out[token] += weight * y
        if config["n_shared_experts"]:
            out += self.feed_forward(f"{prefix}.shared_experts", x)
        return out

    def route(self, prefix: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Experts chosen per token and their weights: [tokens, experts per token] each."""
        config = self.config
        logits = x @ self.weight(f"{prefix}.gate").T
        if config["scoring_func"] == "sigmoid":
            scores = 1 / (1 + np.exp(-logits))
        else:
            scores = softmax(logits)
        choice = scores
        if config["topk_method"] == "noaux_tc":
            bias = self.checkpoint.tensor(f"{prefix}.gate.e_score_correction_bias")
            choice = scores + bias
            choice = mask_groups(config, choice, lambda g: np.sort(g)[..., -2:].sum(-1))
        elif config["topk_method"] == "group_limited_greedy":
            choice = mask_groups(config, choice, lambda g: g.max(-1))
        chosen = np.argsort(-choice, axis=-1, kind="stable")[:, : config["num_experts_per_tok"]]
        weights = np.take_along_axis(scores, chosen, -1)
        if config["norm_topk_prob"]:
            weights = weights / (weights.sum(-1, keepdims=True) + 1e-20)
        return chosen, weights * config["routed_scaling_factor"]

    def feed_forward(self, prefix: str, x: np.ndarray) -> np.ndarray:
        gate = x @ self.weight(f"{prefix}.gate_proj").T
        up = x @ self.weight(f"{prefix}.up_proj").T
        return (gate / (1 + np.exp(-gate)) * up) @ self.weight(f"{prefix}.down_proj").T

    def norm(self, name: str, x: np.ndarray, eps: float) -> np.ndarray:
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * self.weight(name)

    def weight(self, name: str) -> np.ndarray:
        return self.checkpoint.tensor(f"{name}.weight")


def mask_groups(config: dict, choice: np.ndarray, group_score) -> np.ndarray:
    """Leaves the experts of the best `topk_group` groups; the others become -inf."""
    tokens, groups = len(choice), config["n_group"]
    grouped = choice.reshape(tokens, groups, -1)
    order = np.argsort(-group_score(grouped), axis=-1, kind="stable")
    masked = np.full_like(grouped, -np.inf)
    for token in range(tokens):
        kept = order[token, : config["topk_group"]]
        masked[token, kept] = grouped[token, kept]
    return masked.reshape(tokens, -1)


def yarn_mscale(factor: float, mscale: float) -> float:
    return 0.1 * mscale * math.log(factor) + 1 if factor > 1 else 1.0


def softmax_scale(config: dict) -> float:
    scale = (config["qk_nope_head_dim"] + config["qk_rope_head_dim"]) ** -0.5
    yarn = config["rope_scaling"]
    if yarn and yarn.get("mscale_all_dim", 0):
        scale *= yarn_mscale(yarn["factor"], yarn["mscale_all_dim"]) ** 2
    return scale


def rope_angles(config: dict, tokens: int) -> tuple[np.ndarray, float]:
    """Angles [tokens, rope / 2] and the multiplier of cos and sin."""
    width, theta = config["qk_rope_head_dim"], config["rope_theta"]
    frequency = theta ** (-np.arange(0, width, 2) / width)
    yarn, cos_sin_scale = config["rope_scaling"], 1.0
    if yarn:
        # YaRN holds at every length, also below original_max_position_embeddings.
        original, factor = yarn["original_max_position_embeddings"], yarn["factor"]

        def dimension(rotations: float) -> float:
            return width * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(theta))

        low = max(math.floor(dimension(yarn["beta_fast"])), 0)
        high = min(math.ceil(dimension(yarn["beta_slow"])), width - 1)
        span = high - low if high != low else 0.001
        interpolated = np.clip((np.arange(width // 2) - low) / span, 0, 1)
        frequency = frequency * (1 - interpolated) + frequency / factor * interpolated
        cos_sin_scale = yarn_mscale(factor, yarn.get("mscale", 1)) / yarn_mscale(
            factor, yarn.get("mscale_all_dim", 0)
        )
    return np.arange(tokens)[:, None] * frequency, cos_sin_scale


def rotate_pairs(x: np.ndarray, angles: np.ndarray, scale: float) -> np.ndarray:
    """Rotates the interleaved pairs (2i, 2i + 1) of the last axis by angle i."""
    cos, sin = np.cos(angles) * scale, np.sin(angles) * scale
    even, odd = x[..., 0::2], x[..., 1::2]
    return np.stack([even * cos - odd * sin, odd * cos + even * sin], -1).reshape(x.shape)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)
