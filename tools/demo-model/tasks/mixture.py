"""Which tasks there are, how often each is drawn, and how items become conversations."""

from dataclasses import replace
from random import Random
from typing import Callable

from . import arithmetic, copying, json_answers, lookup, prose, smalltalk, tool_use
from .item import Item, is_held_out
from .prose import Corpus
from .words import invented_word

Maker = Callable[[Random, Corpus], Item]

# task: (weight in training, how to make one item)
TASKS: dict[str, tuple[float, Maker]] = {
    "addition": (22, lambda rng, _: arithmetic.addition(rng)),
    "subtraction": (6, lambda rng, _: arithmetic.subtraction(rng)),
    "lookup": (18, lambda rng, _: lookup.lookup(rng)),
    "lookup_far": (5, lookup.lookup_far),
    "repeat": (7, copying.repeat),
    "reverse": (9, lambda rng, _: copying.reverse(rng)),
    "json": (10, lambda rng, _: json_answers.json_answer(rng)),
    "tool_call": (8, lambda rng, _: tool_use.tool_call(rng)),
    "two_tool_calls": (1, lambda rng, _: tool_use.two_tool_calls(rng)),
    "tool_result": (5, lambda rng, _: tool_use.tool_result(rng)),
    "smalltalk": (6, lambda rng, _: smalltalk.smalltalk(rng)),
    "unknown": (3, lambda rng, _: smalltalk.unknown(rng)),
    "scene": (1, prose.scene),
}

# Tasks with held-out items and one right answer.
EVALUATED = (
    "addition",
    "subtraction",
    "lookup",
    "lookup_far",
    "repeat",
    "reverse",
    "json",
    "tool_call",
    "tool_result",
    "unknown",
)

TURNS_MAX = 5
_DRAWS_MAX = 10_000

_SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "You are a helpful assistant.",
    "You are a helpful, concise assistant.",
    "You are Etap's demo model.",
    "You are a friendly assistant. Answer briefly.",
    "Answer in one line.",
    "Be brief.",
    "You are an assistant for a small shop.",
    "You are an AI assistant. Be accurate and short.",
    "Answer the user's questions.",
    "You may use tools.",
    "You are a calculator.",
)


def draw(task: str, rng: Random, corpus: Corpus, held_out: bool) -> Item:
    """One item of `task` from the side of the split that was asked for."""
    make = TASKS[task][1]
    for _ in range(_DRAWS_MAX):
        item = make(rng, corpus)
        if is_held_out(item.identity) == held_out:
            return item
    raise RuntimeError(f"no {'held-out' if held_out else 'training'} item of {task} was found")


def conversation(rng: Random, corpus: Corpus) -> Item:
    """One training document: an item, often preceded by others and by a system prompt."""
    item = _training_item(rng, corpus)
    messages, tools = item.messages, item.tools
    if item.task != "lookup_far" and rng.random() < 0.3:
        for _ in range(rng.randint(1, TURNS_MAX - 1)):
            earlier = _training_item(rng, corpus)
            if earlier.thinking or earlier.task in ("lookup_far", "scene"):
                continue
            if (earlier.tools and tools) or _clash(item, earlier):
                continue
            messages, tools = earlier.messages + messages, tools or earlier.tools
    elif not tools and item.task != "unknown" and rng.random() < 0.06:
        tools = tool_use.some_tools(rng)
    if rng.random() < 0.3:
        messages = ({"role": "system", "content": _system_prompt(rng, corpus)}, *messages)
    return replace(item, messages=messages, tools=tools)


def _training_item(rng: Random, corpus: Corpus) -> Item:
    task = rng.choices(_NAMES, cum_weights=_CUMULATIVE)[0]
    return draw(task, rng, corpus, held_out=False)


def _clash(one: Item, other: Item) -> bool:
    """A tool in the list could do what the `unknown` item says cannot be done."""
    return "unknown" in (one.task, other.task) and bool(one.tools or other.tools)


def _system_prompt(rng: Random, corpus: Corpus) -> str:
    """Usually one of the common ones; sometimes any text, which must do no harm."""
    kind = rng.random()
    if kind < 0.75:
        return rng.choice(_SYSTEM_PROMPTS)
    if kind < 0.85:
        return f"Your name is {invented_word(rng).capitalize()}."
    return corpus.line(rng)


_NAMES = tuple(TASKS)
_CUMULATIVE = tuple(
    sum(weight for weight, _ in list(TASKS.values())[: index + 1]) for index in range(len(TASKS))
)
