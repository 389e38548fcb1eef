"""Compares an exported folder with transformers' DeepseekV3ForCausalLM on the same weights.

Both compute in fp32 on the CPU. transformers is given the bf16 form of the folder, which holds the
same values: its own dequantisation refuses the half block of kv_a_proj_with_mqa (576 rows). Exits
with 1 when logits differ by more than the bound.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoTokenizer, DeepseekV3ForCausalLM

from attention import Documents
from checkpoint import from_hf, load_sharded
from export import write_folder
from model import Network
from shape import Shape

DIFFERENCE_MAX = 1e-4
RANDOM_TOKENS = 600
SEED = 20


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    shape = Shape()
    state = from_hf(load_sharded(folder, "model"), shape)
    network = Network(shape)
    network.load_state_dict(state)
    with tempfile.TemporaryDirectory() as bf16:
        write_folder(state, shape, Path(bf16), fp8=False)
        reference = DeepseekV3ForCausalLM.from_pretrained(bf16, dtype=torch.float32).eval()
    torch.manual_seed(SEED)
    worst = 0.0
    for label, ids in (("a chat", _chat_ids(folder)), ("random tokens", _random_ids(shape))):
        documents = Documents(torch.tensor([0, len(ids)]), [len(ids)])
        ours = network.lm_head(network(ids, torch.arange(len(ids)), documents))
        theirs = reference(ids[None]).logits[0].float()
        difference = (ours - theirs).abs().max().item()
        worst = max(worst, difference)
        print(f"{label}: {len(ids)} tokens, logits of std {theirs.std():.3f}, ", end="")
        print(f"largest difference {difference:.2e} (allowed {DIFFERENCE_MAX:.0e})")
    sys.exit(1 if worst > DIFFERENCE_MAX else 0)


def _chat_ids(folder: Path) -> torch.Tensor:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [{"role": "user", "content": "What is 123 + 456?"}]
    rendered = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    print(repr(rendered))
    return torch.tensor(tokenizer.encode(rendered, add_special_tokens=False))


def _random_ids(shape: Shape) -> torch.Tensor:
    return torch.randint(0, shape.vocab_size, (RANDOM_TOKENS,))


if __name__ == "__main__":
    main()
