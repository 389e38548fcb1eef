"""Block-scaled FP8 (e4m3): one fp32 scale for each block of 128 x 128 weights, as in DeepSeek-V3.

Scales are powers of two. For a floating format that costs no precision away from its ends, and it
makes every dequantised weight exact in bf16.
"""

import torch
from torch import Tensor

from shape import FP8_BLOCK

E4M3_MAX = 448.0


def quantise(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight [out, in] -> (e4m3 [out, in], fp32 scale_inv [ceil(out/128), ceil(in/128)])."""
    blocks = _to_blocks(weight.float())
    amax = blocks.abs().amax(dim=(1, 3)).clamp(min=1e-30)
    scale = torch.exp2(torch.ceil(torch.log2(amax / E4M3_MAX)))
    quantised = (blocks / scale[:, None, :, None]).to(torch.float8_e4m3fn)
    return _from_blocks(quantised, weight.shape), scale


def dequantise(quantised: Tensor, scale_inv: Tensor) -> Tensor:
    """The inverse of `quantise`: weight = e4m3 * scale, fp32 [out, in]."""
    blocks = _to_blocks(quantised.float()) * scale_inv[:, None, :, None]
    return _from_blocks(blocks, quantised.shape)


def round_trip(weight: Tensor) -> Tensor:
    """The weight as an engine sees it after quantisation."""
    return dequantise(*quantise(weight))


def _to_blocks(weight: Tensor) -> Tensor:
    """[out, in] -> [out blocks, 128, in blocks, 128], padded with zeros."""
    rows, columns = weight.shape
    pad_rows, pad_columns = -rows % FP8_BLOCK, -columns % FP8_BLOCK
    if pad_rows or pad_columns:
        weight = torch.nn.functional.pad(weight, (0, pad_columns, 0, pad_rows))
    return weight.view(-1, FP8_BLOCK, weight.shape[1] // FP8_BLOCK, FP8_BLOCK)


def _from_blocks(blocks: Tensor, shape: torch.Size) -> Tensor:
    rows, columns = shape
    whole = blocks.reshape(blocks.shape[0] * FP8_BLOCK, blocks.shape[2] * FP8_BLOCK)
    return whole[:rows, :columns].contiguous()
