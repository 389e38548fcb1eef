"""Saying things again: unchanged, or in reverse order."""

from random import Random

from .item import Item, question_and_answer
from .prose import Corpus
from .words import any_word, code, loosen, number

WORDS_MAX = 12
REVERSED_MAX = 10

_SYMBOLS = "abcXYZ019 _-+*/=()[]{}<>!?.,:;'#%&@~^|$"

_REPEAT = (
    "Repeat: {x}",
    "Repeat after me: {x}",
    "Repeat this: {x}",
    "Say: {x}",
    "Echo: {x}",
    "Copy: {x}",
    "Copy this text exactly:\n{x}",
    "Repeat the following text:\n{x}",
    "Repeat exactly: {x}",
    "Say this again: {x}",
    'Repeat "{x}"',
    'Say "{x}"',
)

_REVERSE_WORDS = (
    "Reverse the order of these words: {x}",
    "Reverse these words: {x}",
    "Say these words backwards: {x}",
    "Write these words in reverse order: {x}",
    "Reverse the list: {x}",
    "Reverse: {x}",
)

_REVERSE_DIGITS = (
    "Reverse the digits of {x}.",
    "Reverse the number {x}.",
    "Write {x} backwards.",
    "Reverse {x}.",
    "Reverse: {x}",
)


def repeat(rng: Random, corpus: Corpus) -> Item:
    text = _something(rng, corpus)
    question = rng.choice(_REPEAT).format(x=text)
    thought = "I only have to say it again." if rng.random() < 0.1 else None
    return question_and_answer("repeat", f"repeat {text}", question, text, thought)


def reverse(rng: Random) -> Item:
    kind = rng.random()
    if kind < 0.5:
        joint = rng.choice((" ", " ", ", "))
        parts = [any_word(rng) for _ in range(rng.randint(2, REVERSED_MAX))]
        wordings = _REVERSE_WORDS
    elif kind < 0.8:
        joint, parts = "", list(str(number(rng, REVERSED_MAX)))
        wordings = _REVERSE_DIGITS
    else:
        joint = " "
        alphabet = rng.choice(("abcdefghijklmnopqrstuvwxyz", "0123456789", "ABCDEFGH"))
        parts = rng.choices(alphabet, k=rng.randint(2, REVERSED_MAX))
        wordings = ("Reverse: {x}", "Reverse the order: {x}", "Reverse the list: {x}")
    text, answer = joint.join(parts), joint.join(parts[::-1])
    question = loosen(rng, rng.choice(wordings)).format(x=text)
    thought = f"The last is {parts[-1]}, the first is {parts[0]}." if rng.random() < 0.1 else None
    return question_and_answer("reverse", f"reverse {text}", question, answer, thought)


def _something(rng: Random, corpus: Corpus) -> str:
    """A text to copy: words, numbers, keys, verse, symbols or any characters at all."""
    kind = rng.random()
    if kind < 0.35:
        return " ".join(any_word(rng) for _ in range(rng.randint(1, WORDS_MAX)))
    if kind < 0.5:
        return " ".join(str(number(rng, 6)) for _ in range(rng.randint(1, 6)))
    if kind < 0.6:
        return ", ".join(code(rng) for _ in range(rng.randint(1, 6)))
    if kind < 0.85:
        return corpus.line(rng)
    if kind < 0.93:
        return "".join(rng.choice(_SYMBOLS) for _ in range(20)).strip()
    return "".join(_any_character(rng) for _ in range(rng.randint(1, 8)))


def _any_character(rng: Random) -> str:
    """A character from scripts that ordinary words never touch, so that every byte is known."""
    low, high = rng.choice(
        ((0xA1, 0x17F), (0x391, 0x3C9), (0x410, 0x44F), (0x4E00, 0x9FA5), (0x1F300, 0x1F64F))
    )
    return chr(rng.randint(low, high))
