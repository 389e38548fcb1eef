"""Writes test/golden/logits: random checkpoints and the logits that transformers gives for them.

    python tools/golden/logits.py            # regenerate everything
    python tools/golden/logits.py NAME ...   # regenerate these cases only
    python tools/golden/logits.py --check    # regenerate elsewhere and compare byte by byte
"""

import argparse
import filecmp
import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

from logits_cases import CASES, Case
from oracle import Oracle
from prompt_search import (
    GREEDY_TOKENS,
    Prompt,
    PromptSearch,
    logit_margins,
    recorded_routing,
    router_margins,
)
from random_checkpoint import seed_of, write_checkpoint
from transformers_model import load_model

OUTPUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "logits"
FORMAT_VERSION = 1
# transformers (float32) and the oracle (float64) must agree at least this well.
ORACLE_TOLERANCE = 3e-4
PACKAGES = ("torch", "transformers", "safetensors", "numpy")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases to make (default: all)")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    arguments = parser.parse_args()
    # One thread: the order of float additions, and so every byte, stays the same.
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    cases = [case for case in CASES if not arguments.names or case.name in arguments.names]
    if not arguments.check:
        for case in cases:
            make(case, OUTPUT / case.name)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        return max(compare(case, Path(scratch) / case.name) for case in cases)


def compare(case: Case, scratch: Path) -> int:
    make(case, scratch)
    names = sorted({p.name for f in (scratch, OUTPUT / case.name) for p in f.glob("*")})
    _, different, missing = filecmp.cmpfiles(scratch, OUTPUT / case.name, names, shallow=False)
    for name in different + missing:
        print(f"{case.name}/{name}: differs from the committed file", file=sys.stderr)
    return 1 if different + missing else 0


def make(case: Case, folder: Path) -> None:
    write_checkpoint(case, folder)
    model = load_model(folder)
    search = PromptSearch(model, seed_of(case), case.search_candidates, case.search_attempts)
    oracle = Oracle(folder)
    prompts, tensors, entries = [], {}, []
    for index, length in enumerate(case.prompt_lengths):
        prompt = search.find(length)
        sequence = prompt.ids + prompt.greedy
        logits, margins = full_forward(model, sequence)
        check_greedy(case, prompt, logits)
        difference = np.abs(oracle.logits(sequence) - logits.numpy()).max()
        assert difference <= ORACLE_TOLERANCE, (case.name, difference)
        tensors[f"prompt_{index}"] = logits[:length].contiguous()
        prompts.append(prompt)
        entries.append(entry_of(index, prompt, margins, difference))
        print(f"{case.name:28s} prompt {index}: {length:3d} tokens, oracle {difference:.1e}")
    save_file(tensors, folder / "logits.safetensors", metadata={"format": "pt"})
    std = float(torch.cat(list(tensors.values())).std())
    (folder / "golden.json").write_text(document(case, std, entries))


@torch.no_grad()
def full_forward(model: torch.nn.Module, ids: list[int]) -> tuple[torch.Tensor, dict]:
    """One pass over the whole sequence without a cache: logits [tokens, vocab] and margins."""
    with recorded_routing(model) as routing:
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
    router = [router_margins(gate, scores) for gate, scores in routing]
    return logits, {"logit": logit_margins(logits), "router": torch.stack(router).amin(0)}


def check_greedy(case: Case, prompt: Prompt, logits: torch.Tensor) -> None:
    """The continuation found with a cache must be the argmax of the pass without one."""
    begin = len(prompt.ids) - 1
    argmax = logits[begin : begin + GREEDY_TOKENS].argmax(-1).tolist()
    assert argmax == prompt.greedy, (case.name, argmax, prompt.greedy)


def entry_of(index: int, prompt: Prompt, margins: dict, difference: float) -> dict:
    length = len(prompt.ids)

    def smallest(kind: str, part: slice) -> float:
        return round(float(margins[kind][part].min()), 3)

    prompt_part, greedy_part = slice(0, length), slice(length - 1, length - 1 + GREEDY_TOKENS)
    return {
        "tensor": f"prompt_{index}",
        "length": length,
        "ids": prompt.ids,
        "greedy": prompt.greedy,
        "smallest_margin": {
            "prompt_logit": smallest("logit", prompt_part),
            "prompt_router": smallest("router", prompt_part),
            "greedy_logit": smallest("logit", greedy_part),
            "greedy_router": smallest("router", greedy_part),
        },
        "oracle_difference": float(f"{difference:.0e}"),
    }


def document(case: Case, std: float, entries: list[dict]) -> str:
    """golden.json: one line per field, one line per field of a prompt."""
    fields = {
        "format": "etap-golden-logits",
        "version": FORMAT_VERSION,
        "case": case.name,
        "covers": case.covers,
        "reference": "transformers, float32, eager attention, dequantised weights",
        "versions": {name: version(name) for name in PACKAGES},
        "seed": seed_of(case),
        "logit_std": round(std, 2),
    }
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items()]
    prompts = []
    for entry in entries:
        parts = [f"      {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items()]
        prompts.append("    {\n" + ",\n".join(parts) + "\n    }")
    lines.append('  "prompts": [\n' + ",\n".join(prompts) + "\n  ]")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    sys.exit(main())
