"""DeepSeek-V3 in plain PyTorch, for training on packed streams: tokens have no batch dimension.

Parameter names are those of the Hugging Face checkpoint, except that the experts of a layer are
stacked into one matrix; `checkpoint.py` takes them apart.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from attention import Documents, attend
from rope import rope_table, rotate, softmax_scale
from shape import Shape


class Network(nn.Module):
    """tokens [n], positions [n] -> final hidden states [n, hidden]."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(Layer(shape, i) for i in range(shape.num_hidden_layers))
        self.norm = RmsNorm(shape.hidden_size, shape.rms_norm_eps)
        self.lm_head = nn.Linear(shape.hidden_size, shape.vocab_size, bias=False)
        self.register_buffer("rope", rope_table(shape), persistent=False)
        self._initialise()

    def forward(self, tokens: Tensor, positions: Tensor, documents: Documents) -> Tensor:
        cos_sin = self.rope[positions]
        hidden = self.embed_tokens(tokens)
        for layer in self.layers:
            q, k, v = layer.before_attention(hidden, cos_sin)
            mixed = attend(q, k, v, documents, layer.self_attn.scale)
            hidden = layer.after_attention(hidden, mixed)
        return self.norm(hidden)

    def routers(self) -> list["Router"]:
        return [layer.mlp.gate for layer in self.layers if isinstance(layer.mlp, MoE)]

    def as_computed(self, dtype: torch.dtype) -> "Network":
        """Converts the parameters; routing biases and the rope table stay fp32."""
        for parameter in self.parameters():
            parameter.data = parameter.data.to(dtype)
        return self

    def compile_layers(self) -> None:
        """Fuses what stands between the attention kernels; layers of a kind share the code."""
        for layer in self.layers:
            layer.before_attention = torch.compile(layer.before_attention, dynamic=False)
            layer.after_attention = torch.compile(layer.after_attention, dynamic=False)

    @torch.no_grad()
    def _initialise(self) -> None:
        """Variance-preserving; branches shrink with depth; the head starts at zero."""
        branch = (2 * self.shape.num_hidden_layers) ** -0.5
        for name, parameter in self.named_parameters():
            if name.endswith("norm.weight"):
                continue
            if name == "embed_tokens.weight":
                parameter.normal_(std=0.5)
            elif name == "lm_head.weight":
                parameter.zero_()
            else:
                out = name.endswith(("o_proj.weight", "down_proj.weight"))
                parameter.normal_(std=parameter.shape[1] ** -0.5 * (branch if out else 1.0))


class RmsNorm(nn.Module):
    def __init__(self, size: int, eps: float):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * scaled.to(x.dtype)


class Layer(nn.Module):
    def __init__(self, shape: Shape, index: int):
        super().__init__()
        self.input_layernorm = RmsNorm(shape.hidden_size, shape.rms_norm_eps)
        self.self_attn = LatentAttention(shape)
        self.post_attention_layernorm = RmsNorm(shape.hidden_size, shape.rms_norm_eps)
        dense = index < shape.first_k_dense_replace
        self.mlp = Mlp(shape.hidden_size, shape.intermediate_size) if dense else MoE(shape)

    def before_attention(self, hidden: Tensor, cos_sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self.self_attn.project(self.input_layernorm(hidden), cos_sin)

    def after_attention(self, hidden: Tensor, mixed: Tensor) -> Tensor:
        hidden = hidden + self.self_attn.o_proj(mixed.flatten(1))
        return hidden + self.mlp(self.post_attention_layernorm(hidden))


class LatentAttention(nn.Module):
    """The projections of MLA in expanded form (DeepSeek-V2, arXiv 2405.04434, section 2.1)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        heads, latent, eps = shape.num_attention_heads, shape.kv_lora_rank, shape.rms_norm_eps
        self.scale = softmax_scale(shape)
        self.q_a_proj = _linear(shape.hidden_size, shape.q_lora_rank)
        self.q_a_layernorm = RmsNorm(shape.q_lora_rank, eps)
        self.q_b_proj = _linear(shape.q_lora_rank, heads * shape.qk_head_dim)
        self.kv_a_proj_with_mqa = _linear(shape.hidden_size, latent + shape.qk_rope_head_dim)
        self.kv_a_layernorm = RmsNorm(latent, eps)
        self.kv_b_proj = _linear(latent, heads * (shape.qk_nope_head_dim + shape.v_head_dim))
        self.o_proj = _linear(heads * shape.v_head_dim, shape.hidden_size)

    def project(self, x: Tensor, cos_sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x [n, hidden] -> q, k [n, heads, nope + rope] and v [n, heads, v dims]."""
        shape, heads = self.shape, self.shape.num_attention_heads
        q = self.q_b_proj(self.q_a_layernorm(self.q_a_proj(x))).unflatten(-1, (heads, -1))
        q_nope, q_pe = q.split((shape.qk_nope_head_dim, shape.qk_rope_head_dim), dim=-1)
        latent = self.kv_a_proj_with_mqa(x)
        c_kv, k_pe = latent.split((shape.kv_lora_rank, shape.qk_rope_head_dim), dim=-1)
        kv = self.kv_b_proj(self.kv_a_layernorm(c_kv)).unflatten(-1, (heads, -1))
        k_nope, v = kv.split((shape.qk_nope_head_dim, shape.v_head_dim), dim=-1)
        k_pe = rotate(k_pe[:, None], cos_sin).expand(-1, heads, -1)
        q = torch.cat((q_nope, rotate(q_pe, cos_sin)), dim=-1)
        return q, torch.cat((k_nope, k_pe), dim=-1), v


class Mlp(nn.Module):
    def __init__(self, hidden: int, inner: int):
        super().__init__()
        self.gate_proj = _linear(hidden, inner)
        self.up_proj = _linear(hidden, inner)
        self.down_proj = _linear(inner, hidden)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class MoE(nn.Module):
    """Every expert is computed for every token and weighed with its routing weight, mostly zero.

    At eight tiny experts one wide matrix product is faster than gathering tokens by expert.
    """

    def __init__(self, shape: Shape):
        super().__init__()
        inner = shape.moe_intermediate_size
        self.gate = Router(shape)
        self.experts = Mlp(shape.hidden_size, shape.n_routed_experts * inner)
        self.shared_experts = Mlp(shape.hidden_size, shape.n_shared_experts * inner)

    def forward(self, x: Tensor) -> Tensor:
        weights = self.gate(x).to(x.dtype)
        inner = F.silu(self.experts.gate_proj(x)) * self.experts.up_proj(x)
        weighted = inner.unflatten(-1, (weights.shape[-1], -1)) * weights[..., None]
        return self.experts.down_proj(weighted.flatten(-2)) + self.shared_experts(x)


class Router(nn.Module):
    """Group-limited sigmoid routing without auxiliary loss (DeepSeek-V3, arXiv 2412.19437)."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.weight = nn.Parameter(torch.empty(shape.n_routed_experts, shape.hidden_size))
        bias = torch.zeros(shape.n_routed_experts, dtype=torch.float32)
        self.register_buffer("e_score_correction_bias", bias)
        # Share of the tokens each expert got, for balancing; written by every forward pass.
        self.register_buffer("load", torch.zeros_like(bias), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x [n, hidden] -> routing weights [n, experts] fp32, zero for experts not chosen."""
        shape = self.shape
        scores = F.linear(x.float(), self.weight.float()).sigmoid()
        with torch.no_grad():
            chosen = self._choose(scores + self.e_score_correction_bias)
            self.load.copy_(chosen.mean(dim=0))
        weights = scores * chosen
        weights = weights / (weights.sum(dim=-1, keepdim=True) + 1e-20)
        return weights * shape.routed_scaling_factor

    def _choose(self, biased: Tensor) -> Tensor:
        """1 for the top experts within the top groups, else 0: fp32 [n, experts]."""
        shape = self.shape
        groups = biased.unflatten(-1, (shape.n_group, -1))
        group_scores = groups.topk(2, dim=-1).values.sum(dim=-1)
        kept = torch.zeros_like(group_scores)
        kept.scatter_(-1, group_scores.topk(shape.topk_group, dim=-1).indices, 1.0)
        masked = groups.masked_fill(kept[..., None] == 0, float("-inf")).flatten(-2)
        best = masked.topk(shape.num_experts_per_tok, dim=-1).indices
        return torch.zeros_like(biased).scatter_(-1, best, 1.0)

    @torch.no_grad()
    def balance(self, step: float) -> None:
        """Raises the bias of experts that get too few tokens and lowers the others'."""
        self.e_score_correction_bias += step * torch.sign(self.load.mean() - self.load)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)
