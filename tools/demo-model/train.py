"""Trains the demo model within a budget of minutes, and leaves its weights in a folder.

The network computes in bf16 on copies of fp32 master weights. From QUANTISE_FROM on, the copies of
the weights that will be stored in FP8 go through FP8 first, so that training ends on the very
network that is exported (quantisation-aware training with a straight-through gradient).

    python train.py --corpus tinyshakespeare.txt --out run --minutes 7.5
    python train.py --corpus tinyshakespeare.txt --out run --minutes 3 --rehearse   tiny, on a CPU
"""

import argparse
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from batches import DeviceBatch, Encoder, Feed, to_device
from checkpoint import is_fp8, save_sharded, to_hf
from evaluate import Evaluation, describe
from fp8 import round_trip
from model import Network
from shape import REHEARSAL, Shape
from tasks import Corpus

DEMO = Path(__file__).parents[2] / "models" / "demo"
SEED = 20
MATRIX_LR = 2.5e-3
OTHER_LR = 4e-3
WEIGHT_DECAY = 0.05
WARMUP_STEPS = 100
DECAY_FROM = 0.45
QUANTISE_FROM = 0.6
GRADIENT_NORM_MAX = 1.0
BALANCE_STEP = 1e-3
BALANCE_UNTIL = 0.9
LOG_EVERY_STEPS = 50
# A file that leaves the training machine may have 16 MiB.
MASTERS_SHARD_BYTES_MAX = 14_000_000


class Masters:
    """fp32 weights under the optimisers; the network holds what it computes with."""

    def __init__(self, network: Network, dtype: torch.dtype):
        named = list(network.named_parameters())
        self._names = [name for name, _ in named]
        self._computed = [parameter for _, parameter in named]
        self._masters = [parameter.detach().clone() for _, parameter in named]
        network.as_computed(dtype)
        groups: tuple[list, list] = ([], [])
        for name, master in zip(self._names, self._masters):
            groups[0 if is_fp8(name) else 1].append(master)
        self._matrices = torch.optim.Muon(
            groups[0], lr=MATRIX_LR, weight_decay=WEIGHT_DECAY, adjust_lr_fn="match_rms_adamw"
        )
        self._others = torch.optim.AdamW(
            groups[1], lr=OTHER_LR, betas=(0.9, 0.95), weight_decay=0.0, foreach=True
        )

    @torch.no_grad()
    def step(self, lr_share: float, quantising: bool) -> None:
        """Gradients of the network -> a step of the masters -> new weights of the network."""
        for master, computed in zip(self._masters, self._computed):
            master.grad = computed.grad.float()
            computed.grad = None
        torch.nn.utils.clip_grad_norm_(self._masters, GRADIENT_NORM_MAX, foreach=True)
        for optimizer, lr in ((self._matrices, MATRIX_LR), (self._others, OTHER_LR)):
            optimizer.param_groups[0]["lr"] = lr * lr_share
            optimizer.step()
        for name, master, computed in zip(self._names, self._masters, self._computed):
            computed.copy_(round_trip(master) if quantising and is_fp8(name) else master)

    def state(self, network: Network) -> dict[str, torch.Tensor]:
        """The network's state with the masters in place of the weights it computed with."""
        return {**network.state_dict(), **dict(zip(self._names, self._masters))}


def main() -> None:
    arguments = _arguments()
    torch.manual_seed(SEED)
    torch.set_float32_matmul_precision("high")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    shape = REHEARSAL if arguments.rehearse else Shape()
    network = Network(shape).to(device)
    masters = Masters(network, torch.bfloat16 if device.type == "cuda" else torch.float32)
    if arguments.compile:
        network.compile_layers()
    corpus = Corpus(arguments.corpus.read_text(encoding="utf-8"))
    encoder = Encoder(arguments.tokenizer)
    evaluation = Evaluation(corpus, encoder, arguments.per_task, arguments.batch_tokens)
    feed = Feed(
        arguments.corpus, arguments.tokenizer, arguments.batch_tokens, arguments.workers, SEED
    )
    print(f"{sum(p.numel() for p in network.parameters()):,} weights on {device}", flush=True)
    with feed:
        run(network, masters, feed, evaluation, device, arguments)
    final = Evaluation(corpus, encoder, arguments.final_per_task, arguments.batch_tokens)
    print("final:", describe(final.run(network)), flush=True)
    save(masters, network, arguments.out)


def run(
    network: Network,
    masters: Masters,
    feed: Feed,
    evaluation: Evaluation,
    device: torch.device,
    arguments: argparse.Namespace,
) -> None:
    """Steps until the time is spent. The learning rate follows the clock, not the step count."""
    start = time.monotonic()
    budget_s = arguments.minutes * 60
    next_evaluation_s = arguments.evaluate_every_s
    for step, batch in enumerate(feed):
        elapsed_s = time.monotonic() - start
        progress = elapsed_s / budget_s
        if progress >= 1:
            break
        loss = _loss(network, to_device(batch, device))
        loss.backward()
        masters.step(_lr_share(step, progress), progress >= QUANTISE_FROM)
        if progress < BALANCE_UNTIL:
            for router in network.routers():
                router.balance(BALANCE_STEP)
        if step % LOG_EVERY_STEPS == 0:
            seen = (step + 1) * arguments.batch_tokens
            speed = seen / (time.monotonic() - start)
            print(
                f"{elapsed_s:6.1f} s, step {step}, loss {loss.item():.4f}, "
                f"{seen / 1e6:.1f}M tokens, {speed / 1e3:.0f}k tokens/s, "
                f"queue {feed.queue.qsize()}",
                flush=True,
            )
        if elapsed_s >= next_evaluation_s:
            print(f"{elapsed_s:6.1f} s:", describe(evaluation.run(network)), flush=True)
            next_evaluation_s += arguments.evaluate_every_s
            save(masters, network, arguments.out)


def save(masters: Masters, network: Network, folder: Path) -> None:
    """The masters in bf16 and the FP8 checkpoint made of the fp32 masters."""
    state = masters.state(network)
    save_sharded(to_hf(state, network.shape, fp8=True), folder, "model")
    half = {name: tensor.detach().cpu().bfloat16() for name, tensor in state.items()}
    save_sharded(half, folder, "masters", MASTERS_SHARD_BYTES_MAX)


def _loss(network: Network, batch: DeviceBatch) -> torch.Tensor:
    hidden = network(batch.tokens, batch.positions, batch.documents)
    logits = network.lm_head(hidden[batch.target_at])
    return F.cross_entropy(logits.float(), batch.targets)


def _lr_share(step: int, progress: float) -> float:
    """Warm-up, a plateau, then a straight line to nearly zero."""
    warm = min(1.0, (step + 1) / WARMUP_STEPS)
    decay = max(0.0, (progress - DECAY_FROM) / (1 - DECAY_FROM))
    return warm * (1 - 0.99 * decay)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--tokenizer", type=Path, default=DEMO / "tokenizer.json")
    parser.add_argument("--workers", type=int, default=14)
    parser.add_argument("--batch-tokens", type=int, default=65536)
    parser.add_argument("--per-task", type=int, default=200, help="items an evaluation")
    parser.add_argument("--final-per-task", type=int, default=1000)
    parser.add_argument("--evaluate-every-s", type=float, default=60)
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--rehearse", action="store_true", help="a small shape, for a CPU")
    return parser.parse_args()


if __name__ == "__main__":
    main()
