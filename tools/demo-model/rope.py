"""YaRN rotary embedding (arXiv 2309.00071) as DeepSeek-V3 has it: mscale = mscale_all_dim."""

import math

import torch
from torch import Tensor

from shape import MAX_POSITION_EMBEDDINGS, Shape


def rope_table(shape: Shape) -> Tensor:
    """cos and sin of every position: [positions, 2, rope dims / 2] fp32."""
    positions = torch.arange(MAX_POSITION_EMBEDDINGS, dtype=torch.float32)
    angles = torch.outer(positions, _inverse_frequencies(shape))
    return torch.stack((angles.cos(), angles.sin()), dim=1)


def softmax_scale(shape: Shape) -> float:
    """1/sqrt(192), times the square of YaRN's attention factor."""
    factor = 0.1 * shape.rope_mscale * math.log(shape.rope_factor) + 1.0
    return shape.qk_head_dim**-0.5 * factor * factor


def rotate(x: Tensor, cos_sin: Tensor) -> Tensor:
    """Rotates the pairs (2i, 2i+1) of x [tokens, heads, rope dims] by the angle of the token.

    The result is in half layout (first all even members, then all odd ones), which leaves scores
    as they are because queries and keys are permuted alike.
    """
    cos, sin = cos_sin[:, None, 0], cos_sin[:, None, 1]
    even, odd = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.cat((even * cos - odd * sin, odd * cos + even * sin), dim=-1).to(x.dtype)


def _inverse_frequencies(shape: Shape) -> Tensor:
    """[rope dims / 2]: fast pairs keep their frequency, slow ones are stretched by the factor."""
    dims = shape.qk_rope_head_dim
    exponent = torch.arange(0, dims, 2, dtype=torch.float32) / dims
    base = 1.0 / shape.rope_theta**exponent
    low = max(math.floor(_pair_of(shape.rope_beta_fast, shape)), 0)
    high = min(math.ceil(_pair_of(shape.rope_beta_slow, shape)), dims - 1)
    span = max(high - low, 0.001)
    stretched = ((torch.arange(dims // 2, dtype=torch.float32) - low) / span).clamp(0, 1)
    return base * (1 - stretched) + base / shape.rope_factor * stretched


def _pair_of(rotations: float, shape: Shape) -> float:
    """The index of the pair that turns `rotations` times over the original context."""
    turns = shape.rope_original_positions / (rotations * 2 * math.pi)
    return shape.qk_rope_head_dim * math.log(turns) / (2 * math.log(shape.rope_theta))
