"""Trains a small byte-level BPE tokenizer and writes what it gives for adversarial strings.

    python tools/golden/text_tokenizer.py --train PROSE.txt   # also makes the tokenizer anew
    python tools/golden/text_tokenizer.py                     # with the committed tokenizer

Writes test/golden/text/tokenizer (as a checkpoint folder has it) and test/golden/text/tokens.json.
"""

import argparse
import json
import os
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

# One thread: the trainer's word counts then do not depend on the order of threads.
os.environ["TOKENIZERS_PARALLELISM"] = "false"

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer

from text_strings import ADDED, SEED, SPECIAL, strings, training_texts
from text_templates import OUTPUT, document

VOCAB_SIZE = 2048
FOLDER = OUTPUT / "tokenizer"
RANDOM_SEQUENCES = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", type=Path, help="a plain text of prose, in the public domain")
    arguments = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if arguments.train:
        train(arguments.train.read_text(encoding="utf-8")).save(str(FOLDER / "tokenizer.json"))
        write_config()
    source = (FOLDER / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(source)
    plain = Tokenizer.from_str(json.dumps({**json.loads(source), "added_tokens": []}))
    texts = [golden_text(tokenizer, plain, text) for text in strings()]
    fields = {
        "format": "etap-golden-tokens",
        "version": 1,
        "reference": "tokenizers (Python), add_special_tokens=False",
        "versions": {"tokenizers": version("tokenizers")},
        "seed": SEED,
        "token_bytes": token_bytes(tokenizer),
        "sequences": golden_sequences(tokenizer),
    }
    (OUTPUT / "tokens.json").write_text(document(fields, "texts", texts))
    print(f"{tokenizer.get_vocab_size()} tokens, {len(texts)} texts")


def train(prose: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    # The three splits of DeepSeek-V3 in kind: digits by threes, CJK apart, then words with at
    # most one leading character, punctuation, line ends and spaces.
    words = (
        r"[!-/:-@\[-`{-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
        r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
            pre_tokenizers.Split(Regex(r"[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), "isolated"),
            pre_tokenizers.Split(Regex(words), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = BpeTrainer(
        vocab_size=VOCAB_SIZE - len(ADDED),
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(prose), trainer)
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in ADDED])
    assert tokenizer.get_vocab_size() == VOCAB_SIZE
    return tokenizer


def write_config() -> None:
    config = {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": SPECIAL[0],
        "eos_token": SPECIAL[1],
        "pad_token": SPECIAL[2],
        "clean_up_tokenization_spaces": False,
        "model_max_length": 4096,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    text = json.dumps(config, ensure_ascii=False, indent=2)
    (FOLDER / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")


def golden_text(tokenizer: Tokenizer, plain: Tokenizer, text: str) -> dict[str, Any]:
    """`plain_ids`: the same tokenizer without added tokens, as for text that a user wrote."""
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    plain_ids = plain.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text
    golden: dict[str, Any] = {"text": text, "ids": ids}
    if plain_ids != ids:
        assert tokenizer.decode(plain_ids, skip_special_tokens=False) == text
        golden["plain_ids"] = plain_ids
    skipped = tokenizer.decode(ids, skip_special_tokens=True)
    if skipped != text:
        golden["decoded_without_special"] = skipped
    return golden


def golden_sequences(tokenizer: Tokenizer) -> list[dict[str, Any]]:
    """Random ids: their bytes are mostly invalid UTF-8, which decoding must replace."""
    rng = Random(SEED)
    size = tokenizer.get_vocab_size()
    sequences = []
    for index in range(RANDOM_SEQUENCES):
        # Every second sequence is drawn from the single bytes, which break most characters.
        highest = size if index % 2 else len(SPECIAL) + 256
        ids = [rng.randrange(highest) for _ in range(rng.randint(1, 24))]
        sequences.append(
            {
                "ids": ids,
                "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                "decoded_without_special": tokenizer.decode(ids, skip_special_tokens=True),
            }
        )
    return sequences


def token_bytes(tokenizer: Tokenizer) -> list[str]:
    """The exact bytes of every id, in hexadecimal, through the byte alphabet of GPT-2."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    byte_of = {chr(byte): byte for byte in shown}
    byte_of |= {chr(0x100 + index): byte for index, byte in enumerate(hidden)}
    added = set(SPECIAL) | set(ADDED)
    listed = []
    for token_id in range(tokenizer.get_vocab_size()):
        token = tokenizer.id_to_token(token_id)
        data = token.encode() if token in added else bytes(byte_of[c] for c in token)
        lossy = data.decode("utf-8", errors="replace")
        assert tokenizer.decode([token_id], skip_special_tokens=False) == lossy, token
        listed.append(data.hex())
    return listed


if __name__ == "__main__":
    main()
