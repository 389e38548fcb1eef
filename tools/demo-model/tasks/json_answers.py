"""Answering as JSON in the shape the user asks for."""

import json
from random import Random

from .arithmetic import addition_identity
from .item import Item, question_and_answer
from .words import CITIES, COLORS, NAMES, OBJECTS, any_word, invented_word, number

_WITH_KEYS = (
    "Answer as JSON with the keys {x}.",
    "Give this as JSON with the keys {x}.",
    "Write it as a JSON object with the keys {x}.",
    "Reply in JSON. Keys: {x}.",
    "As JSON with {x}, please.",
    "Return a JSON object with the fields {x}.",
)

_WHOLE = (
    "Turn this into JSON:\n{x}",
    "Write this as JSON:\n{x}",
    "Convert to JSON:\n{x}",
    "Give me this as a JSON object:\n{x}",
)


def json_answer(rng: Random) -> Item:
    make = rng.choice((_person, _person, _pairs, _pairs, _shopping_list, _sum_object))
    question, value, identity = make(rng)
    answer = json.dumps(value, ensure_ascii=False)
    thought = f"The keys are {_listed(list(value))}." if rng.random() < 0.1 else None
    return question_and_answer("json", identity, question, answer, thought)


def _person(rng: Random) -> tuple[str, dict, str]:
    """Facts about somebody, of which some are asked for, in an order of the user's choice."""
    name, age = rng.choice(NAMES), rng.randrange(1, 100)
    city, color = rng.choice(CITIES), rng.choice(COLORS)
    sentences = [
        f"{name} is {age} years old.",
        f"{rng.choice((name, 'The home'))} {rng.choice(('lives in', 'is in'))} {city}.",
        f"The favourite {rng.choice(('color', 'colour'))} is {color}.",
    ]
    if rng.random() < 0.4:
        sentences = [f"{name} is {age} years old, lives in {city} and likes {color}."]
    facts = {"name": name, "age": age, "city": city, "color": color}
    keys = rng.sample(list(facts), rng.randint(1, len(facts)))
    value = {key: facts[key] for key in keys}
    question = " ".join((*sentences, _request(rng, keys)))
    return question, value, f"json {facts} {keys}"


def _pairs(rng: Random) -> tuple[str, dict, str]:
    """Lines of `key: value`, all of them or a choice of them."""
    pairs: dict[str, object] = {}
    for _ in range(rng.randint(1, 6)):
        key = rng.choice((invented_word, any_word))(rng).lower()
        pairs[key] = _value(rng)
    lines = "\n".join(f"{key}: {_plain(value)}" for key, value in pairs.items())
    if rng.random() < 0.5:
        return rng.choice(_WHOLE).format(x=lines), pairs, f"json {lines}"
    keys = rng.sample(list(pairs), rng.randint(1, len(pairs)))
    value = {key: pairs[key] for key in keys}
    return f"{lines}\n\n{_request(rng, keys)}", value, f"json {lines} {keys}"


def _shopping_list(rng: Random) -> tuple[str, dict, str]:
    """An object with one array of strings."""
    things = rng.sample(OBJECTS, rng.randint(1, 6))
    key = rng.choice(("items", "things", "list", "words", invented_word(rng)))
    question = f"{', '.join(things)}. {_request(rng, [key])[:-1]} as a list."
    return question, {key: things}, f"json {key} {things}"


def _sum_object(rng: Random) -> tuple[str, dict, str]:
    """A computed value inside an object; on the same side of the split as the plain sum."""
    a, b = number(rng, 2), number(rng, 2)
    key = rng.choice(("sum", "result", "answer", "total"))
    question = f"What is {a} + {b}? {_request(rng, [key])}"
    return question, {key: a + b}, addition_identity(a, b)


def _request(rng: Random, keys: list[str]) -> str:
    wording = rng.choice(_WITH_KEYS)
    if len(keys) == 1:
        wording = wording.replace("keys", "key").replace("Keys", "Key").replace("fields", "field")
    return wording.format(x=_listed(keys))


def _listed(keys: list[str]) -> str:
    """`a`, `a and b`, or `a, b and c`."""
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def _value(rng: Random) -> object:
    kind = rng.random()
    if kind < 0.5:
        return " ".join(any_word(rng) for _ in range(rng.choice((1, 1, 2))))
    return number(rng, 4) if kind < 0.85 else rng.random() < 0.5


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
