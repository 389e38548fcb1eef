"""The tasks the demo model learns: `draw` makes an item of one task on one side of the split."""

from .item import HELD_OUT_ONE_IN, Item, is_held_out
from .mixture import EVALUATED, TASKS, conversation, draw
from .prose import Corpus

__all__ = [
    "Corpus",
    "EVALUATED",
    "HELD_OUT_ONE_IN",
    "Item",
    "TASKS",
    "conversation",
    "draw",
    "is_held_out",
]
