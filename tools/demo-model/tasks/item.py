"""One training or evaluation item, and the rule that keeps the two kinds apart."""

import hashlib
from dataclasses import dataclass

# One identity in this many is held out of training and used for evaluation only.
HELD_OUT_ONE_IN = 16


@dataclass(frozen=True)
class Item:
    """A conversation in OpenAI form that ends with the expected assistant message.

    `identity` names the operands (not the wording): items with the same identity are on the same
    side of the split. None marks material with no held-out side (smalltalk, prose).
    """

    task: str
    identity: str | None
    messages: tuple[dict, ...]
    tools: tuple[dict, ...] = ()
    thinking: bool = False


def is_held_out(identity: str | None) -> bool:
    """Whether training must never see this identity. Stable across runs and machines."""
    if identity is None:
        return False
    digest = hashlib.blake2b(identity.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % HELD_OUT_ONE_IN == 0


def user(content: str) -> dict:
    return {"role": "user", "content": content}


def assistant(content: str, reasoning: str | None = None) -> dict:
    message = {"role": "assistant", "content": content}
    if reasoning is not None:
        message["reasoning_content"] = reasoning
    return message


def question_and_answer(
    task: str, identity: str | None, question: str, answer: str, reasoning: str | None = None
) -> Item:
    """An item of one turn; with `reasoning` it is one in which the model thinks first."""
    messages = (user(question), assistant(answer, reasoning))
    return Item(task, identity, messages, thinking=reasoning is not None)
