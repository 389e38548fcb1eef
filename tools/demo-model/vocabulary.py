"""Trains the byte-level BPE tokenizer and writes tokenizer.json and tokenizer_config.json.

Digits are tokens of their own, so that sums line up. Spaces are tokens of their own as well: a word
then has the same ids after a colon, in quotes and at the start of a line, and a model of this size
copies it without error. Prose takes more tokens for it, which a demo can afford.
"""

import argparse
import json
from pathlib import Path
from random import Random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

from chat import render
from shape import MAX_POSITION_EMBEDDINGS, VOCAB_SIZE
from special_tokens import ADDED, BOS, EOS, PAD, SPECIAL
from tasks import Corpus, conversation

SEED = 20
CONVERSATIONS = 40_000
HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="a plain text of plays")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "models" / "demo")
    arguments = parser.parse_args()
    corpus = Corpus(arguments.corpus.read_text(encoding="utf-8"))
    tokenizer = train(corpus)
    arguments.out.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(arguments.out / "tokenizer.json"))
    config = json.dumps(tokenizer_config(), ensure_ascii=False, indent=2)
    (arguments.out / "tokenizer_config.json").write_text(config + "\n", encoding="utf-8")
    sample = corpus.held_out
    print(f"{tokenizer.get_vocab_size()} entries, ", end="")
    print(f"{len(sample.encode()) / len(tokenizer.encode(sample).ids):.2f} bytes a token of prose")


def train(corpus: Corpus) -> Tokenizer:
    """Learns the merges from the prose and from conversations of the tasks."""
    tokenizer = Tokenizer(models.BPE())
    words = r"[\p{L}\p{M}]+|[^\s\p{L}\p{M}\p{N}]+|[\r\n]+|[^\S\r\n]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}"), "isolated"),
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # As in DeepSeek's checkpoints no post-processor adds BOS: the chat template writes it.
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = BpeTrainer(
        vocab_size=VOCAB_SIZE - len(ADDED),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(corpus), trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ADDED])
    if tokenizer.get_vocab_size() != VOCAB_SIZE:
        raise RuntimeError(f"{tokenizer.get_vocab_size()} entries, expected {VOCAB_SIZE}")
    return tokenizer


def _texts(corpus: Corpus):
    yield corpus.training
    rng = Random(SEED)
    for _ in range(CONVERSATIONS):
        item = conversation(rng, corpus)
        if item.task in ("scene", "lookup_far"):
            continue
        for segment in render(list(item.messages), list(item.tools), item.thinking):
            text = segment.text
            for token in (*SPECIAL, *ADDED):
                text = text.replace(token, "\n")
            yield text


def tokenizer_config() -> dict:
    """The fields that servers and transformers read, the chat template among them."""
    template = (HERE / "chat_template.jinja").read_text(encoding="utf-8").rstrip("\n")
    return {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": BOS,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": MAX_POSITION_EMBEDDINGS,
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": template,
    }


if __name__ == "__main__":
    main()
