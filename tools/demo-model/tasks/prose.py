"""Plain prose: a corpus of plays, cut into passages that start where somebody begins to speak."""

from bisect import bisect_left
from random import Random

from .item import Item, assistant, user

# The end of the corpus is kept for the held-out loss.
TRAINING_SHARE = 0.95

_REQUESTS = (
    "Write a scene.",
    "Write a short scene in the style of Shakespeare.",
    "Write something like Shakespeare.",
    "Give me some Shakespeare.",
    "Speak like Shakespeare.",
    "Write a passage of a play.",
    "Write a poem.",
    "Write some old English verse.",
    "Make up a dialogue of a play.",
    "Tell me a story.",
    "Write a story.",
    "Write a long text.",
    "Write a speech for a king.",
    "Recite something.",
)


class Corpus:
    """The training part of a text whose paragraphs are parted by blank lines."""

    def __init__(self, text: str):
        cut = text.index("\n\n", int(len(text) * TRAINING_SHARE)) + 2
        self.training = text[:cut]
        self.held_out = text[cut:]
        self._starts = [0]
        while (blank := self.training.find("\n\n", self._starts[-1])) >= 0:
            self._starts.append(blank + 2)

    def passage(self, rng: Random, characters: int) -> str:
        """At least `characters` characters, from the start of a paragraph to the end of one."""
        last_start = bisect_left(self._starts, len(self.training) - characters) - 1
        start = self._starts[rng.randrange(max(1, last_start))]
        end = self.training.find("\n\n", start + characters)
        return self.training[start : end if end >= 0 else len(self.training)].rstrip()

    def line(self, rng: Random) -> str:
        """One non-empty line."""
        start = rng.randrange(len(self.training) - 200)
        lines = self.training[start : start + 200].split("\n")[1:-1]
        return next((line for line in lines if line.strip()), "Speak, speak.")


def scene(rng: Random, corpus: Corpus) -> Item:
    """A chat that asks for prose."""
    passage = corpus.passage(rng, rng.randint(150, 600))
    return Item("scene", None, (user(rng.choice(_REQUESTS)), assistant(passage)))
