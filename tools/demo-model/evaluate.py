"""Scores a network on held-out items, and writes the items that servers are checked with.

An item counts when greedy decoding would produce its expected text, end token included. That is
read off one forward pass over prompt and answer: greedy decoding gives the answer exactly when each
of its tokens is the most likely one after those before it.

    python evaluate.py --corpus tinyshakespeare.txt                  scores of models/demo
    python evaluate.py --corpus tinyshakespeare.txt --write-tasks    models/demo/tasks.json as well
"""

import argparse
import json
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
from torch.nn import functional as F

from batches import Batch, Document, Encoder, pack, to_device
from checkpoint import from_hf, load_sharded
from model import Network
from shape import Shape
from tasks import EVALUATED, Corpus, Item, draw

DEMO = Path(__file__).parents[2] / "models" / "demo"
SEED = 2_000_000
BATCH_TOKENS = 8192
PROSE_WINDOW_CHARACTERS = 1500
# Items a task in tasks.json; the long ones are fewer, because they fill the file.
WRITTEN_PER_TASK = 100
WRITTEN_FAR = 40


class Group(NamedTuple):
    """The items of one name that are scored together."""

    name: str
    batches: list[Batch]
    items: int


class Evaluation:
    """Held-out material, encoded once."""

    def __init__(self, corpus: Corpus, encoder: Encoder, per_task: int, batch_tokens: int):
        self._prose = list(pack(_prose(corpus, encoder), batch_tokens, encoder.pad_id))
        self._prose_bytes = len(corpus.held_out.encode())
        self._groups = []
        for task in EVALUATED:
            items = held_out_items(task, corpus, per_task, thinking=False)
            self._groups.append(_group(task, items, encoder, batch_tokens))
        thinking = held_out_items("addition", corpus, per_task // 2, thinking=True)
        self._groups.append(_group("addition, thinking", thinking, encoder, batch_tokens))

    @torch.no_grad()
    def run(self, network: Network) -> dict[str, float]:
        """Share of items answered exactly, by task; `prose` is bits a byte of held-out prose."""
        network.eval()
        scores = {}
        with torch.compiler.set_stance("force_eager"):
            for group in self._groups:
                right = sum(_items_right(network, batch) for batch in group.batches)
                scores[group.name] = right / group.items
            nats = sum(_nats(network, batch) for batch in self._prose)
        scores["prose"] = nats / torch.log(torch.tensor(2.0)).item() / self._prose_bytes
        network.train()
        return scores


def held_out_items(task: str, corpus: Corpus, count: int, thinking: bool) -> list[Item]:
    """The same items whenever it is asked."""
    rng = Random(f"{SEED} {task} {thinking}")
    items: list[Item] = []
    while len(items) < count:
        item = draw(task, rng, corpus, held_out=True)
        if item.thinking == thinking:
            items.append(item)
    return items


def describe(scores: dict[str, float]) -> str:
    tasks = (f"{name} {score:.1%}" for name, score in scores.items() if name != "prose")
    return f"{', '.join(tasks)}, prose {scores['prose']:.3f} bits/byte"


def _group(name: str, items: list[Item], encoder: Encoder, batch_tokens: int) -> Group:
    documents = [d for d in encoder.encode_items(items) if len(d.ids) <= batch_tokens]
    return Group(name, list(pack(documents, batch_tokens, encoder.pad_id)), len(documents))


def _prose(corpus: Corpus, encoder: Encoder) -> list[Document]:
    text = corpus.held_out
    starts = range(0, len(text), PROSE_WINDOW_CHARACTERS)
    return [encoder.encode_prose(text[s : s + PROSE_WINDOW_CHARACTERS]) for s in starts]


def _logits(network: Network, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    on_device = to_device(batch, network.rope.device)
    hidden = network(on_device.tokens, on_device.positions, on_device.documents)
    return network.lm_head(hidden[on_device.target_at]).float(), on_device.targets


def _items_right(network: Network, batch: Batch) -> int:
    """Documents of the batch whose every target is the most likely token."""
    logits, targets = _logits(network, batch)
    right = (logits.argmax(dim=-1) == targets).cpu()
    lengths = torch.tensor(batch.lengths)
    owner = torch.repeat_interleave(torch.arange(len(lengths)), lengths)[batch.target_at]
    wrong = torch.zeros(len(lengths)).index_add_(0, owner, (~right).float())
    has_targets = torch.zeros(len(lengths), dtype=torch.bool)
    has_targets[owner] = True
    return int((has_targets & (wrong == 0)).sum())


def _nats(network: Network, batch: Batch) -> float:
    logits, targets = _logits(network, batch)
    return F.cross_entropy(logits, targets, reduction="sum").item()


def write_tasks(corpus: Corpus, file: Path) -> None:
    """Held-out items as requests: what to send, and the message that has to come back."""
    tasks = []
    for task in EVALUATED:
        count = WRITTEN_FAR if task == "lookup_far" else WRITTEN_PER_TASK
        for index, item in enumerate(held_out_items(task, corpus, count, thinking=False)):
            tasks.append(_as_request(f"{task}-{index}", item))
    for index, item in enumerate(held_out_items("addition", corpus, 40, thinking=True)):
        tasks.append(_as_request(f"addition_thinking-{index}", item))
    lines = ",\n".join(json.dumps(task, ensure_ascii=False) for task in tasks)
    file.write_text(f"[\n{lines}\n]\n", encoding="utf-8")


def _as_request(name: str, item: Item) -> dict:
    request: dict = {
        "id": name,
        "task": item.task,
        "messages": list(item.messages[:-1]),
        "thinking": item.thinking,
        "expected": {k: v for k, v in item.messages[-1].items() if k != "role"},
    }
    if item.tools:
        request["tools"] = list(item.tools)
    return request


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=DEMO)
    parser.add_argument("--per-task", type=int, default=200)
    parser.add_argument("--dtype", choices=("bf16", "fp32"), default="bf16")
    parser.add_argument("--write-tasks", action="store_true")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus.read_text(encoding="utf-8"))
    if arguments.write_tasks:
        write_tasks(corpus, DEMO / "tasks.json")
    network = Network(Shape())
    network.load_state_dict(from_hf(load_sharded(arguments.model, "model"), network.shape))
    network.as_computed(torch.bfloat16 if arguments.dtype == "bf16" else torch.float32)
    encoder = Encoder(arguments.model / "tokenizer.json")
    evaluation = Evaluation(corpus, encoder, arguments.per_task, BATCH_TOKENS)
    for name, score in evaluation.run(network).items():
        print(f"{name:20} {score:.4f}")


if __name__ == "__main__":
    main()
