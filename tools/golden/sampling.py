"""Writes test/golden/sampling.json: the exact distribution a token is drawn from, in float64.

    python tools/golden/sampling.py

Order of docs/sampling.md: penalties, logit bias, allowed tokens, suppressed tokens, temperature,
top-k, top-p, min-p. vLLM adds the bias before the penalties and applies min-p before top-p; where
that gives another distribution, the case has it too. Ties rank by the lowest id.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

from sampling_cases import cases
from text_templates import document

OUTPUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "sampling.json"
GREEDY_TEMPERATURE = 1e-5
# A float32 sampler must decide as float64 does: no border may be nearer than this to a token,
# unless the case says that its weights are exact.
BORDER = 1e-4
DRAWS = 4


def main() -> None:
    listed = []
    for index, case in enumerate(cases()):
        expected = distribution(case, vllm=False)
        golden = {**case, "expected": as_lists(expected)}
        other = distribution(case, vllm=True)
        if not same(expected, other):
            golden["expected_in_vllm_order"] = as_lists(other)
        golden["draws"] = draws(expected, index)
        listed.append(golden)
    fields = {
        "format": "etap-golden-sampling",
        "version": 1,
        "order": "penalties, bias, allowed, suppressed, temperature, top-k, top-p, min-p",
        "vllm_order": "allowed, suppressed, bias, penalties, temperature, min-p, top-k, top-p",
        "versions": {"numpy": version("numpy")},
        "uniform_draws": uniform_draws(),
    }
    OUTPUT.write_text(document(fields, "cases", listed))
    different = sum("expected_in_vllm_order" in case for case in listed)
    print(f"{len(listed)} cases, {different} of them different in vLLM's order")


def distribution(case: dict, vllm: bool) -> np.ndarray:
    """Probabilities [vocab]; 0 for tokens that are not kept."""
    logits = adjusted(case, vllm)
    temperature = case["temperature"]
    if temperature < GREEDY_TEMPERATURE:
        return np.eye(len(logits))[int(np.argmax(logits))]
    logits = logits / temperature
    weights = np.exp(logits - logits.max())
    exact = case["exact"]
    if vllm:
        weights = keep_min_p(weights, case["min_p"], exact)
    weights = keep_top_k(weights, logits, case["top_k"])
    weights = keep_top_p(weights, logits, case["top_p"], exact)
    if not vllm:
        weights = keep_min_p(weights, case["min_p"], exact)
    return weights / weights.sum()


def adjusted(case: dict, vllm: bool) -> np.ndarray:
    logits = np.array(case["logits"], np.float64)
    if vllm:
        logits = add_bias(restrict(logits, case), case)
        return penalised(logits, case)
    logits = add_bias(penalised(logits, case), case)
    return restrict(logits, case)


def penalised(logits: np.ndarray, case: dict) -> np.ndarray:
    """Repetition over prompt and completion; frequency and presence over the completion."""
    logits = logits.copy()
    known = sorted({*case["prompt"], *case["completion"]})
    for token in known:
        factor = case["repetition_penalty"]
        logits[token] = logits[token] / factor if logits[token] > 0 else logits[token] * factor
    for token in sorted(set(case["completion"])):
        logits[token] -= case["frequency_penalty"] * case["completion"].count(token)
        logits[token] -= case["presence_penalty"]
    return logits


def add_bias(logits: np.ndarray, case: dict) -> np.ndarray:
    logits = logits.copy()
    for token, bias in case["logit_bias"]:
        logits[token] += bias
    return logits


def restrict(logits: np.ndarray, case: dict) -> np.ndarray:
    if case["allowed_tokens"] is not None:
        kept = np.full_like(logits, -np.inf)
        kept[case["allowed_tokens"]] = logits[case["allowed_tokens"]]
        logits = kept
    without = logits.copy()
    without[case["suppressed"]] = -np.inf
    # Stop tokens stay when nothing else is left.
    return logits if np.isneginf(without).all() else without


def ranked(logits: np.ndarray) -> np.ndarray:
    return np.lexsort((np.arange(len(logits)), -logits))


def keep_top_k(weights: np.ndarray, logits: np.ndarray, count: int) -> np.ndarray:
    if not 0 < count < len(weights):
        return weights
    kept = ranked(np.where(weights > 0, logits, -np.inf))[:count]
    return np.where(np.isin(np.arange(len(weights)), kept), weights, 0.0)


def keep_top_p(weights: np.ndarray, logits: np.ndarray, mass: float, exact: bool) -> np.ndarray:
    """The smallest set of best tokens whose share reaches `mass`; always the best one."""
    if mass >= 1:
        return weights
    order = ranked(np.where(weights > 0, logits, -np.inf))
    shares = np.cumsum(weights[order]) / weights.sum()
    assert exact or np.abs(shares - mass).min() > BORDER, "top-p cuts too near a token"
    count = int(np.argmax(shares >= mass)) + 1
    return np.where(np.isin(np.arange(len(weights)), order[:count]), weights, 0.0)


def keep_min_p(weights: np.ndarray, share: float, exact: bool) -> np.ndarray:
    if share <= 0:
        return weights
    kept = weights / weights.max()
    assert exact or np.abs(kept - share).min() > BORDER * share, "min-p cuts too near a token"
    return np.where(kept >= share, weights, 0.0)


def as_lists(probabilities: np.ndarray) -> dict[str, list]:
    ids = np.flatnonzero(probabilities)
    rounded = [float(f"{p:.12g}") for p in probabilities[ids]]
    return {"ids": ids.tolist(), "probabilities": rounded}


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.abs(a - b).max() < 1e-12)


def draws(probabilities: np.ndarray, index: int) -> list[dict[str, int]]:
    """Tokens chosen for some seeds and positions: the kept ids, ascending, divide [0, 1)."""
    chosen, position = [], 0
    borders = np.cumsum(probabilities)
    while len(chosen) < DRAWS:
        seed, position = 1000 * index + len(chosen), position + 1
        draw = uniform_draw(seed, position)
        if np.abs(borders - draw).min() > BORDER:
            token = int(np.argmax(borders > draw))
            chosen.append({"seed": seed, "position": position, "token": token})
    return chosen


def uniform_draws() -> list[dict]:
    pairs = [(0, 0), (0, 1), (1, 0), (42, 7), (2**31 - 1, 100_000), (2**32, 5), (2**53 - 1, 2**33)]
    pairs += [(seed, position) for seed in (3, 12345) for position in range(4)]
    return [{"seed": s, "position": p, "draw": uniform_draw(s, p)} for s, p in pairs]


def uniform_draw(seed: int, position: int) -> float:
    """The upper 53 of the first 64 bits of Philox4x32-10, key = seed, counter = position."""
    words = philox([position & 0xFFFFFFFF, position >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return ((words[0] << 32 | words[1]) >> 11) * 2.0**-53


def philox(counter: list[int], key: list[int]) -> list[int]:
    """Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011)."""
    c, (k0, k1) = counter, key
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            second >> 32 ^ c[1] ^ k0,
            second & 0xFFFFFFFF,
            first >> 32 ^ c[3] ^ k1,
            first & 0xFFFFFFFF,
        ]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


# The paper's known answer for a counter and a key of zeros.
assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


if __name__ == "__main__":
    main()
