"""Rows of logits and sampling parameters. Logits are multiples of 1/1024: exact in float32."""

from typing import Any

import numpy as np

SEED = 11
RANDOM_CASES = 40

DEFAULTS: dict[str, Any] = {
    "prompt": [],
    "completion": [],
    "temperature": 1.0,
    "top_k": 0,
    "top_p": 1.0,
    "min_p": 0.0,
    "repetition_penalty": 1.0,
    "frequency_penalty": 0.0,
    "presence_penalty": 0.0,
    "logit_bias": [],
    "allowed_tokens": None,
    "suppressed": [],
    # The weights are exact in binary, so a cut may lie on a token's border.
    "exact": False,
}

ROW = [2.5, -1.25, 0.75, 3.0, -4.5, 1.125, 0.0, 2.25, -0.625, 1.875, -2.0, 0.5]


def case(name: str, logits: list[float] | None = None, **params: Any) -> dict[str, Any]:
    return {"name": name, "logits": ROW if logits is None else logits, **DEFAULTS, **params}


def cases() -> list[dict[str, Any]]:
    return [*_temperature(), *_filters(), *_ties(), *_penalties(), *_restrictions(), *_random()]


def _temperature() -> list[dict[str, Any]]:
    return [
        case("temperature 1"),
        case("greedy", temperature=0.0),
        case("greedy takes the lowest id of equal logits", [1.0, 3.0, 3.0, 2.0], temperature=0.0),
        case("greedy ignores the filters", temperature=0.0, top_k=3, top_p=0.5, min_p=0.9),
        case("below the greedy temperature", temperature=0.000009),
        case("cold", temperature=0.1),
        case("hot", temperature=2.0),
        case("very hot", temperature=50.0),
        case("one token", [0.25]),
        case("two tokens, far apart", [80.0, -80.0]),
        case("large logits", [x * 30 for x in ROW]),
    ]


def _filters() -> list[dict[str, Any]]:
    return [
        case("top-k 1", top_k=1),
        case("top-k 3", top_k=3),
        case("top-k of the whole row", top_k=12),
        case("top-k beyond the row", top_k=1000),
        case("top-p 0.9", top_p=0.9),
        case("top-p 0.5", top_p=0.5),
        case("top-p below the best share", top_p=0.05),
        case("top-p near zero keeps the best", top_p=0.0000001),
        case("top-p near one", top_p=0.9995),
        case("top-p on a cold row", top_p=0.9, temperature=0.3),
        case("top-p on a hot row", top_p=0.9, temperature=3.0),
        case("min-p 0.1", min_p=0.1),
        case("min-p 0.5", min_p=0.5),
        case("min-p 1 keeps the best", min_p=1.0, exact=True),
        case("min-p follows the temperature", min_p=0.1, temperature=2.0),
        case("top-k then top-p", top_k=4, top_p=0.7),
        case("top-p of what top-k left", top_k=2, top_p=0.6),
        case("top-p then min-p", top_p=0.8, min_p=0.3),
        case("min-p would make top-p smaller", [2.0, 1.75, 1.5] + [0.0] * 20, top_p=0.7, min_p=0.3),
        case("all three", top_k=6, top_p=0.85, min_p=0.2, temperature=0.8),
    ]


def _ties() -> list[dict[str, Any]]:
    return [
        case("uniform", [0.5] * 8),
        case("top-k among equal logits", [0.0, 1.0, 1.0, 1.0, 1.0, 0.0], top_k=2),
        case("top-k cuts equal logits", [2.0, 1.0, 2.0, 1.0, 1.0, 0.0], top_k=4),
        case("top-p reaches half of four equal", [1.0] * 4, top_p=0.5, exact=True),
        case("top-p just above half of four equal", [1.0] * 4, top_p=0.51, exact=True),
        case("top-p of two equal groups", [0.0, -50.0, 0.0, -50.0], top_p=0.5, exact=True),
        case("min-p 1 keeps all equal ones", [2.0, 1.0, 2.0, 2.0], min_p=1.0, exact=True),
    ]


def _penalties() -> list[dict[str, Any]]:
    seen = {"prompt": [3, 1, 3], "completion": [0, 7, 0, 0, 4]}
    return [
        case("repetition on positive and negative logits", **seen, repetition_penalty=1.3),
        case("repetition below one", **seen, repetition_penalty=0.7),
        case("repetition counts the prompt", prompt=[3, 0], repetition_penalty=2.0),
        case("repetition on a logit of zero", prompt=[6], repetition_penalty=1.5),
        case("frequency counts the completion only", **seen, frequency_penalty=0.5),
        case("presence counts once", **seen, presence_penalty=0.75),
        case("negative frequency", **seen, frequency_penalty=-0.25),
        case("negative presence", **seen, presence_penalty=-1.0),
        case("all penalties", **seen, repetition_penalty=1.2, frequency_penalty=0.3,
             presence_penalty=0.6),
        case("penalties change the greedy choice", **{**seen, "completion": [3, 3]},
             frequency_penalty=1.0, temperature=0.0),
        case("penalties before temperature", **seen, frequency_penalty=1.0, temperature=0.5),
        case("penalties before top-k", **seen, presence_penalty=2.0, top_k=3),
        case("no known tokens", repetition_penalty=1.5, frequency_penalty=1.0),
        case("bias", logit_bias=[[4, 6.0], [3, -2.5]]),
        case("bias of -100 and 100", logit_bias=[[3, -100.0], [10, 100.0]]),
        case("bias on a penalised token", **seen, repetition_penalty=1.5, logit_bias=[[3, 2.0]]),
        case("bias across zero", prompt=[1], repetition_penalty=2.0, logit_bias=[[1, 2.25]]),
        case("bias makes the greedy choice", logit_bias=[[10, 9.0]], temperature=0.0),
    ]  # fmt: skip


def _restrictions() -> list[dict[str, Any]]:
    return [
        case("allowed tokens", allowed_tokens=[1, 4, 10]),
        case("one allowed token", allowed_tokens=[4]),
        case("allowed tokens and top-k", allowed_tokens=[1, 2, 5, 8, 10], top_k=2),
        case("allowed tokens and top-p", allowed_tokens=[0, 1, 4, 8], top_p=0.9),
        case("allowed tokens, greedy", allowed_tokens=[1, 4, 10], temperature=0.0),
        case("bias outside the allowed tokens", allowed_tokens=[1, 2], logit_bias=[[3, 50.0]]),
        case("suppressed tokens", suppressed=[3, 0]),
        case("suppressed best, greedy", suppressed=[3], temperature=0.0),
        case("suppressed tokens are all that is allowed", allowed_tokens=[3, 7], suppressed=[3, 7]),
        case("suppressed and top-p", suppressed=[3], top_p=0.6),
    ]


def _random() -> list[dict[str, Any]]:
    rng = np.random.Generator(np.random.PCG64(SEED))

    def pick(*values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    listed = []
    for index in range(RANDOM_CASES):
        size = pick(8, 17, 32, 33, 64)
        logits = np.round(rng.standard_normal(size) * pick(1, 2, 4) * 1024) / 1024
        tokens = [rng.integers(0, size, pick(0, 3, 9)).tolist() for _ in range(2)]
        biased = rng.permutation(size)[: pick(0, 0, 2)].tolist()
        listed.append(
            case(
                f"random {index}",
                logits.tolist(),
                prompt=tokens[0],
                completion=tokens[1],
                temperature=pick(0.3, 0.7, 1.0, 1.0, 1.5),
                top_k=pick(0, 0, 1, 5, 20),
                top_p=pick(1.0, 1.0, 0.95, 0.8, 0.3),
                min_p=pick(0.0, 0.0, 0.02, 0.1, 0.4),
                repetition_penalty=pick(1.0, 1.0, 1.1, 1.7, 0.8),
                frequency_penalty=pick(0.0, 0.0, 0.4, -0.3, 2.0),
                presence_penalty=pick(0.0, 0.0, 0.5, -0.5, 1.5),
                logit_bias=[[token, pick(-3.0, 1.5, 4.0)] for token in biased],
            )
        )
    return listed
