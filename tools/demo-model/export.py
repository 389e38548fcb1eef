"""Writes a model folder that DeepSeek-V3 loaders read, in FP8 or bf16.

    python export.py --random --out ../../build/demo-random     random weights, for plumbing
    python export.py --from RUN --out ../../models/demo         the weights a training run left
    python export.py --from-demo --bf16 --out ../../build/demo-bf16
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

from checkpoint import State, from_hf, load_sharded, save_sharded, to_hf
from model import Network
from shape import Shape, generation_config, hf_config

DEMO = Path(__file__).parents[2] / "models" / "demo"
SEED = 20
# Random weights of unit-variance layers would give logits that no sampling test can tell apart.
RANDOM_HEAD_STD = 0.06


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--random", action="store_true", help="random weights, fixed seed")
    source.add_argument("--from", dest="run", type=Path, help="folder with masters of train.py")
    source.add_argument("--from-demo", action="store_true", help="the committed demo model")
    parser.add_argument("--bf16", action="store_true", help="bf16 instead of FP8 (same values)")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    shape = Shape()
    if arguments.random:
        state = random_state(shape)
    elif arguments.run:
        state = load_sharded(arguments.run, "masters")
    else:
        state = from_hf(load_sharded(DEMO, "model"), shape)
    write_folder(state, shape, arguments.out, fp8=not arguments.bf16)


def random_state(shape: Shape) -> State:
    torch.manual_seed(SEED)
    network = Network(shape)
    torch.nn.init.normal_(network.lm_head.weight, std=RANDOM_HEAD_STD)
    return network.state_dict()


def write_folder(state: State, shape: Shape, folder: Path, fp8: bool) -> None:
    """config.json, generation_config.json, the weights, and the tokenizer beside them."""
    save_sharded(to_hf(state, shape, fp8), folder, "model")
    for name, content in (
        ("config.json", hf_config(shape, fp8)),
        ("generation_config.json", generation_config()),
    ):
        (folder / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if folder.resolve() != DEMO.resolve():
            shutil.copyfile(DEMO / name, folder / name)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{folder}: {size / 1e6:.2f} MB in {'FP8' if fp8 else 'bf16'}")


if __name__ == "__main__":
    main()
