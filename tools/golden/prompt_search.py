"""Chooses prompts whose argmax and routing are decided by a clear margin at every position.

A random model has near-ties: at a few per cent of positions bf16 rounding alone would flip the
argmax or an expert. Prompts are therefore grown token by token out of random candidates, and the
last token is the one whose greedy continuation keeps the widest margins.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from transformers import DynamicCache

GREEDY_TOKENS = 32
CANDIDATES = 32
# Margins are gaps divided by the standard deviation of the scores they separate. bf16 rounding
# moves such a score by well under 0.01 standard deviations.
LOGIT_MARGIN = 0.15
ROUTER_MARGIN = 0.1
# Below this many different tokens a greedy continuation is a short loop and tests little.
MIN_DISTINCT = 8


@dataclass(frozen=True)
class Prompt:
    ids: list[int]
    greedy: list[int]


class PromptSearch:
    def __init__(
        self, model: torch.nn.Module, seed: int, last_token_candidates: int, attempts: int
    ):
        self.model = model
        self.vocab = model.config.vocab_size
        self.rng = np.random.Generator(np.random.PCG64(seed + 1))
        self.last_token_candidates = min(last_token_candidates, self.vocab)
        self.attempts = attempts

    @torch.no_grad()
    def find(self, length: int) -> Prompt:
        """The safest of several prompts of `length` tokens."""
        # With one token, the first attempt has seen every candidate already.
        attempts = self.attempts if length > 1 else 1
        found = [self.attempt(length) for _ in range(attempts)]
        return max(found, key=lambda scored: scored[0])[1]

    def attempt(self, length: int) -> tuple[float, Prompt]:
        ids: list[int] = []
        cache = DynamicCache(config=self.model.config)
        for _ in range(length - 1):
            tokens = self.rng.integers(0, self.vocab, CANDIDATES)
            margins = self.step(tokens, cache)[1]
            passed = margins >= 1
            best = int(torch.argmax(passed.int()) if passed.any() else torch.argmax(margins))
            ids.append(int(tokens[best]))
            cache.batch_select_indices(torch.full((CANDIDATES,), best))
        return self.finish(ids, cache)

    def finish(self, ids: list[int], cache: DynamicCache) -> tuple[float, Prompt]:
        """Tries many last tokens at once and keeps the safest continuation."""
        count = self.last_token_candidates
        last = self.rng.permutation(self.vocab)[:count]
        if ids:
            cache.batch_select_indices(torch.zeros(count, dtype=torch.long))
        tokens, greedy = last, []
        worst = torch.full((count,), torch.inf)
        for _ in range(GREEDY_TOKENS):
            logits, margins = self.step(tokens, cache)
            worst = torch.minimum(worst, margins)
            tokens = logits.argmax(-1).numpy()
            greedy.append(tokens)
        continuations = np.stack(greedy, 1)
        distinct = torch.tensor([len(set(row.tolist())) for row in continuations])
        score = torch.where(distinct >= MIN_DISTINCT, worst, worst - 10)
        best = int(torch.argmax(score))
        prompt = Prompt([*ids, int(last[best])], continuations[best].tolist())
        return float(score[best]), prompt

    def step(self, tokens: np.ndarray, cache: DynamicCache) -> tuple[torch.Tensor, torch.Tensor]:
        """One token per candidate: logits [candidates, vocab], smallest margin [candidates].

        A margin of 1 means: exactly at the wanted threshold.
        """
        with recorded_routing(self.model) as routing:
            inputs = torch.from_numpy(tokens.astype(np.int64))[:, None]
            logits = self.model(inputs, past_key_values=cache, use_cache=True).logits[:, -1]
        margins = logit_margins(logits) / LOGIT_MARGIN
        for gate, router_logits in routing:
            margins = torch.minimum(margins, router_margins(gate, router_logits) / ROUTER_MARGIN)
        return logits, margins


@contextmanager
def recorded_routing(model: torch.nn.Module) -> Iterator[list]:
    """Collects (gate, router logits) of every MoE layer of the forward passes inside."""
    records: list[tuple[torch.nn.Module, torch.Tensor]] = []

    def record(gate, _inputs, output):
        records.append((gate, output[0]))

    gates = [m for name, m in model.named_modules() if name.endswith(".mlp.gate")]
    handles = [gate.register_forward_hook(record) for gate in gates]
    try:
        yield records
    finally:
        for handle in handles:
            handle.remove()


def logit_margins(logits: torch.Tensor) -> torch.Tensor:
    top = logits.topk(2, dim=-1).values
    return (top[:, 0] - top[:, 1]) / logits.std(-1)


def router_margins(gate: torch.nn.Module, logits: torch.Tensor) -> torch.Tensor:
    """Gap at the border of chosen and refused experts (and groups), in standard deviations."""
    bias = getattr(gate, "e_score_correction_bias", None)
    if bias is None:
        grouped_method = gate.topk_method == "group_limited_greedy"
        choice, unit, group_top = logits, logits.std(-1), 1
    else:
        grouped_method = True
        choice, group_top = logits.sigmoid() + bias, 2
        # The sigmoid's slope is at most 1/4: the gap in logits is at least 4 times this one.
        unit = logits.std(-1) / 4
    margins = torch.full_like(unit, torch.inf)
    if grouped_method and gate.num_group > gate.topk_group:
        grouped = choice.view(len(choice), gate.num_group, -1)
        scores = grouped.topk(group_top, dim=-1).values.sum(-1)
        margins = border_gap(scores, gate.topk_group) / (group_top * unit)
        kept = scores.topk(gate.topk_group, dim=-1).indices
        mask = torch.zeros_like(scores).scatter_(1, kept, 1.0).bool()
        choice = grouped.masked_fill(~mask[..., None], -torch.inf).flatten(1)
    return torch.minimum(margins, border_gap(choice, gate.top_k) / unit)


def border_gap(scores: torch.Tensor, count: int) -> torch.Tensor:
    if count == scores.shape[-1]:
        return torch.full((len(scores),), torch.inf)
    top = scores.topk(count + 1, dim=-1).values
    return top[:, count - 1] - top[:, count]
