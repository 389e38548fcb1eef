"""Causal attention over a packed stream of documents: no token sees another document."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, scaled_dot_product_attention


class Documents(NamedTuple):
    """Where the documents of a packed stream begin.

    `bounds` int32 [documents + 1] on the device; `lengths` the same on the host.
    """

    bounds: Tensor
    lengths: list[int]


def attend(q: Tensor, k: Tensor, v: Tensor, documents: Documents, scale: float) -> Tensor:
    """q, k [tokens, heads, qk dims], v [tokens, heads, v dims] -> [tokens, heads, v dims]."""
    if q.is_cuda and q.dtype == torch.bfloat16:
        return _attend_flash(q, k, v, documents, scale)
    return _attend_each(q, k, v, documents, scale)


def _attend_flash(q: Tensor, k: Tensor, v: Tensor, documents: Documents, scale: float) -> Tensor:
    """The kernel wants values as wide as keys, so they are padded with zeros."""
    wide = pad(v, (0, q.shape[-1] - v.shape[-1]))
    longest = max(documents.lengths)
    bounds = documents.bounds
    output = torch.ops.aten._flash_attention_forward(
        q, k, wide, bounds, bounds, longest, longest, 0.0, True, False, scale=scale
    )[0]
    return output[..., : v.shape[-1]]


def _attend_each(q: Tensor, k: Tensor, v: Tensor, documents: Documents, scale: float) -> Tensor:
    """One document after the other."""
    outputs = []
    split = zip(*(x.transpose(0, 1).split(documents.lengths, dim=1) for x in (q, k, v)))
    for q_one, k_one, v_one in split:
        one = scaled_dot_product_attention(
            q_one[None], k_one[None], v_one[None], is_causal=True, scale=scale
        )
        outputs.append(one[0])
    return torch.cat(outputs, dim=1).transpose(0, 1)
