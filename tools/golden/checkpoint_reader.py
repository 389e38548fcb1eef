"""Reads a Hugging Face checkpoint folder into float64 numpy arrays, from the bytes up.

It shares no code with torch, safetensors or transformers: an error in one of them must show.
"""

import json
import struct
from pathlib import Path

import numpy as np


class Checkpoint:
    """config.json and all tensors of the safetensors files that the folder's index names."""

    def __init__(self, folder: Path):
        self.config = json.loads((folder / "config.json").read_text())
        self._tensors: dict[str, np.ndarray] = {}
        for file in weight_files(folder):
            self._tensors.update(read_safetensors(folder / file))

    def names(self) -> list[str]:
        return sorted(self._tensors)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def tensor(self, name: str) -> np.ndarray:
        """The tensor, in float64; FP8 weights are multiplied by their block's scale."""
        values = self._tensors[name]
        scale_name = f"{name}_scale_inv"
        if scale_name not in self._tensors:
            return values
        scales = self._tensors[scale_name]
        rows, columns = values.shape
        height, width = self.config["quantization_config"]["weight_block_size"]
        assert scales.shape == (-(-rows // height), -(-columns // width)), name
        row_block = np.arange(rows) // height
        column_block = np.arange(columns) // width
        return values * scales[np.ix_(row_block, column_block)]


def weight_files(folder: Path) -> list[str]:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return ["model.safetensors"]
    return sorted(set(json.loads(index.read_text())["weight_map"].values()))


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    (header_size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_size])
    body = data[8 + header_size :]
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = decode(entry["dtype"], body[begin:end])
            tensors[name] = values.reshape(entry["shape"])
    return tensors


def decode(dtype: str, data: bytes) -> np.ndarray:
    if dtype == "BF16":
        bits = np.frombuffer(data, "<u2").astype("<u4") << 16
        return bits.view("<f4").astype(np.float64)
    if dtype == "F8_E4M3":
        return e4m3_table()[np.frombuffer(data, np.uint8)]
    numpy_type = {"F16": "<f2", "F32": "<f4"}[dtype]
    return np.frombuffer(data, numpy_type).astype(np.float64)


def e4m3_table() -> np.ndarray:
    """All 256 values: bias 7, no infinity, NaN at 0x7f and 0xff."""
    table = np.zeros(256)
    for code in range(256):
        sign = -1.0 if code & 0x80 else 1.0
        exponent, mantissa = (code >> 3) & 15, code & 7
        if exponent == 15 and mantissa == 7:
            table[code] = np.nan
        elif exponent == 0:
            table[code] = sign * mantissa * 2.0**-9
        else:
            table[code] = sign * (1 + mantissa / 8) * 2.0 ** (exponent - 7)
    return table
