"""Proves that the golden logits notice the known mistakes of MLA engines.

    python tools/golden/sensitivity.py

Each mistake is built into a copy of the oracle; it must move some logit of some case by far more
than the bound of the tests. The table printed is the one in README.md.
"""

import json
import sys

import numpy as np

import oracle as right
from checkpoint_reader import Checkpoint
from logits import OUTPUT
from logits_cases import CASES

TEST_BOUND = 1e-3
TOKENS = 96  # past the original length (64) of the small YaRN cases


class Patched:
    """The oracle with one mistake: a changed config, or one replaced function or method.

    A replacement is a function from the original to the wrong version.
    """

    def __init__(self, config=None, **replaced):
        self.config = config or (lambda c: {})
        self.replaced = replaced

    def logits(self, folder, ids):
        target = {name: find(name) for name in self.replaced}
        saved = {name: getattr(owner, name) for name, owner in target.items()}
        try:
            for name, owner in target.items():
                setattr(owner, name, self.replaced[name](saved[name]))
            model = right.Oracle(folder)
            # The reader keeps its own config: a changed one must not move the FP8 blocks.
            model.config = {**model.config, **self.config(model.config)}
            return model.logits(ids)
        finally:
            for name, owner in target.items():
                setattr(owner, name, saved[name])


def find(name):
    owners = (right.Oracle, Checkpoint, right)
    return next(owner for owner in owners if name in vars(owner))


def rope_scaling(**changed):
    return lambda c: {"rope_scaling": c["rope_scaling"] and {**c["rope_scaling"], **changed}}


def without(*keys):
    def change(config):
        yarn = config["rope_scaling"]
        return {"rope_scaling": yarn and {k: v for k, v in yarn.items() if k not in keys}}

    return change


def zero_mask(_original):
    def mask(config, choice, group_score):
        masked = ORIGINAL_MASK(config, choice, group_score)
        return np.where(np.isinf(masked), 0.0, masked)

    return mask


def group_score_of(score):
    return lambda original: lambda config, choice, _: original(config, choice, score)


def biased_weights(_original):
    def route(self, prefix, x):
        chosen, _ = ORIGINAL_ROUTE(self, prefix, x)
        if self.config["topk_method"] != "noaux_tc":
            return ORIGINAL_ROUTE(self, prefix, x)
        scores = 1 / (1 + np.exp(-(x @ self.weight(f"{prefix}.gate").T)))
        scores = scores + self.checkpoint.tensor(f"{prefix}.gate.e_score_correction_bias")
        weights = np.take_along_axis(scores, chosen, -1)
        if self.config["norm_topk_prob"]:
            weights = weights / weights.sum(-1, keepdims=True)
        return chosen, weights * self.config["routed_scaling_factor"]

    return route


def unbiased_choice(original):
    def tensor(self, name):
        values = original(self, name)
        return values * 0 if name.endswith("e_score_correction_bias") else values

    return tensor


def halves(_original):
    def rotate(x, angles, scale):
        cos, sin = np.cos(angles) * scale, np.sin(angles) * scale
        a, b = np.split(x, 2, axis=-1)
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    return rotate


def short_yarn(original):
    def angles(config, tokens):
        yarn = config["rope_scaling"]
        short = yarn and tokens <= yarn["original_max_position_embeddings"]
        return original({**config, "rope_scaling": None} if short else config, tokens)

    return angles


def unscaled_rope(original):
    return lambda config, tokens: (original(config, tokens)[0], 1.0)


def config_eps(original):
    def norm(self, name, x, eps):
        return original(self, name, x, self.config["rms_norm_eps"])

    return norm


def raw_latent(original):
    def norm(self, name, x, eps):
        return x if name.endswith("kv_a_layernorm") else original(self, name, x, eps)

    return norm


def block_of_64(original):
    def tensor(self, name):
        scales = self._tensors.get(f"{name}_scale_inv")
        if scales is None:
            return original(self, name)
        values = self._tensors[name]
        rows = np.minimum(np.arange(values.shape[0]) // 64, scales.shape[0] - 1)
        columns = np.minimum(np.arange(values.shape[1]) // 64, scales.shape[1] - 1)
        return values * scales[np.ix_(rows, columns)]

    return tensor


def first_scale(_original):
    def tensor(self, name):
        scales = self._tensors.get(f"{name}_scale_inv")
        return self._tensors[name] * (1 if scales is None else scales[0, 0])

    return tensor


def scale_by_nope(_original):
    def scale(config):
        width = config["qk_nope_head_dim"]
        whole = width + config["qk_rope_head_dim"]
        return ORIGINAL_SCALE(config) * (whole / width) ** 0.5

    return scale


def plain_scale(_original):
    return lambda c: (c["qk_nope_head_dim"] + c["qk_rope_head_dim"]) ** -0.5


def scale_from_mscale(original):
    def scale(config):
        yarn = config["rope_scaling"]
        if not yarn:
            return original(config)
        return original(
            {**config, "rope_scaling": {**yarn, "mscale_all_dim": yarn.get("mscale", 1)}}
        )

    return scale


ORIGINAL_MASK = right.mask_groups
ORIGINAL_ROUTE = right.Oracle.route
ORIGINAL_SCALE = right.softmax_scale

MISTAKES = {
    "group mask 0.0 instead of -inf": Patched(mask_groups=zero_mask),
    "groups ignored": Patched(mask_groups=lambda _: lambda config, choice, score: choice),
    "group score: the best expert (V2 rule everywhere)": Patched(
        mask_groups=group_score_of(lambda g: g.max(-1))
    ),
    "group score: the two best (V3 rule everywhere)": Patched(
        mask_groups=group_score_of(lambda g: np.sort(g)[..., -2:].sum(-1))
    ),
    "biased score as expert weight": Patched(route=biased_weights),
    "correction bias ignored": Patched(tensor=unbiased_choice),
    "norm_topk_prob ignored": Patched(lambda c: {"norm_topk_prob": False}),
    "norm_topk_prob always": Patched(lambda c: {"norm_topk_prob": True}),
    "routed_scaling_factor ignored": Patched(lambda c: {"routed_scaling_factor": 1.0}),
    "shared experts ignored": Patched(lambda c: {"n_shared_experts": 0}),
    "prediction layer executed": Patched(
        lambda c: {"num_hidden_layers": c["num_hidden_layers"] + c["num_nextn_predict_layers"]}
        if c.get("num_nextn_predict_layers")
        else {}
    ),
    "YaRN ignored": Patched(lambda c: {"rope_scaling": None}),
    "YaRN only beyond the original length": Patched(rope_angles=short_yarn),
    "softmax scale without mscale": Patched(softmax_scale=plain_scale),
    "softmax scale from mscale, not mscale_all_dim": Patched(softmax_scale=scale_from_mscale),
    "softmax scale from nope width only": Patched(softmax_scale=scale_by_nope),
    "cos and sin never scaled": Patched(rope_angles=unscaled_rope),
    "mscale fixed at 1.0": Patched(rope_scaling(mscale=1.0, mscale_all_dim=1.0)),
    "mscale and mscale_all_dim ignored": Patched(without("mscale_all_dim", "mscale")),
    "beta_fast and beta_slow fixed at 32 and 1": Patched(rope_scaling(beta_fast=32, beta_slow=1)),
    "rope_theta fixed at 10000": Patched(lambda c: {"rope_theta": 10000}),
    "rope on halves instead of pairs": Patched(rotate_pairs=halves),
    "rms_norm_eps used for the latent norms": Patched(norm=config_eps),
    "latent cached before its norm": Patched(norm=raw_latent),
    "one FP8 scale per tensor": Patched(tensor=first_scale),
    "FP8 blocks of 64": Patched(tensor=block_of_64),
}


def main() -> int:
    missed = 0
    ids = {case.name: ids_of(case) for case in CASES}
    truth = {case.name: right.Oracle(OUTPUT / case.name).logits(ids[case.name]) for case in CASES}
    print("| mistake | largest difference | cases that notice |\n|---|---|---|")
    for name, mistake in MISTAKES.items():
        moved = {}
        for case in CASES:
            wrong = mistake.logits(OUTPUT / case.name, ids[case.name])
            moved[case.name] = np.abs(wrong - truth[case.name]).max()
        noticing = sum(value > 10 * TEST_BOUND for value in moved.values())
        missed += noticing == 0
        print(f"| {name} | {max(moved.values()):.2g} | {noticing} of {len(CASES)} |")
    return 1 if missed else 0


def ids_of(case) -> list[int]:
    prompts = json.loads((OUTPUT / case.name / "golden.json").read_text())["prompts"]
    return max((p["ids"] for p in prompts), key=len)[:TOKENS]


if __name__ == "__main__":
    sys.exit(main())
