"""Looking a value up in a list given earlier, near or thousands of tokens back."""

from random import Random

from .item import Item, assistant, question_and_answer, user
from .prose import Corpus
from .words import CITIES, COLORS, NAMES, OBJECTS, any_word, code, invented_word, loosen, number

ENTRIES_SHORT_MAX = 20
ENTRIES_LONG_MAX = 450
FILLER_CHARACTERS_MAX = 7000

# How an entry is written and what joins the entries.
_LAYOUTS = (
    ("{k}: {v}", "\n"),
    ("{k}: {v}", "\n"),
    ("{k} = {v}", "\n"),
    ("- {k}: {v}", "\n"),
    ("{k} is {v}.", "\n"),
    ("{k} -> {v}", "\n"),
    ("{k},{v}", "\n"),
    ("{k}: {v}", ", "),
    ("{k} = {v}", "; "),
    ("{k} is {v}.", " "),
    ("| {k} | {v} |", "\n"),
)

_HEADS = (
    "Here is a list:",
    "Remember this list:",
    "List:",
    "These are the values:",
    "Values:",
    "Keep these in mind:",
    "Table:",
    "Here are some values.",
    "",
)

_QUESTIONS = (
    "What is the value of {k}?",
    "What is the value of {k}?",
    "What is {k}?",
    "Look up {k}.",
    "Look up {k} in the list.",
    "What is the value for {k}?",
    "Which value does {k} have?",
    "Give me the value of {k}.",
    "Tell me the value of {k}.",
    "Find {k}.",
    "What does the list say for {k}?",
    "And {k}?",
    "{k}?",
)

# (heading, entry, question) of lists about something.
_DOMAINS = (
    ("Phone numbers:", "{k}: {v}", "What is the phone number of {k}?"),
    ("Prices:", "{k}: {v}", "How much does the {k} cost?"),
    ("Ages:", "{k} is {v} years old.", "How old is {k}?"),
    ("Where people live:", "{k} lives in {v}.", "Where does {k} live?"),
    ("Favourite colours:", "{k} likes {v}.", "Which colour does {k} like?"),
    ("Stock:", "{k}: {v}", "How many of {k} are in stock?"),
    ("Room numbers:", "{k}: {v}", "In which room is {k}?"),
    ("Scores:", "{k} scored {v}.", "What did {k} score?"),
)


def lookup(rng: Random) -> Item:
    """A short list and one to four questions about it, in one turn or with the list sent first."""
    entries = _entries(rng, rng.randint(2, ENTRIES_SHORT_MAX))
    return _ask(rng, "lookup", entries, filler="", questions=rng.choice((1, 1, 1, 2, 4)))


def lookup_far(rng: Random, corpus: Corpus) -> Item:
    """A list far back: many entries, or a text between the list and the question, or both."""
    filler = ""
    if rng.random() < 0.5:
        entries = _entries(rng, _skewed_size(rng))
    else:
        entries = _entries(rng, rng.randint(3, 40))
        characters = int(FILLER_CHARACTERS_MAX * rng.random() ** 2) + 200
        filler = corpus.passage(rng, characters)
    return _ask(rng, "lookup_far", entries, filler, questions=rng.randint(1, 8))


def _skewed_size(rng: Random) -> int:
    """Mostly tens of entries, now and then hundreds: long contexts are dear to train on."""
    span = ENTRIES_LONG_MAX - ENTRIES_SHORT_MAX
    return ENTRIES_SHORT_MAX + int(span * rng.random() ** 3)


def _entries(rng: Random, count: int) -> dict[str, str]:
    """Distinct keys of one style with values of one style."""
    make_key = rng.choice((any_word, any_word, invented_word, code, _name_or_number))
    make_value = rng.choice((_digits, _digits, any_word, code, _small_number))
    entries: dict[str, str] = {}
    while len(entries) < count:
        key = make_key(rng)
        # Long lists run out of everyday words.
        if key in entries:
            key = f"{code(rng)}{rng.randrange(10)}" if make_key is code else invented_word(rng)
        entries[key] = make_value(rng)
    return entries


def _ask(rng: Random, task: str, entries: dict[str, str], filler: str, questions: int) -> Item:
    if len(entries) <= ENTRIES_SHORT_MAX and rng.random() < 0.3:
        head, entry, question = rng.choice(_DOMAINS)
        entries = _fit_domain(rng, head, entries)
        layout, wordings = (entry, "\n"), (question,)
    else:
        head, layout, wordings = rng.choice(_HEADS), rng.choice(_LAYOUTS), _QUESTIONS
    lines = layout[1].join(layout[0].format(k=k, v=v) for k, v in entries.items())
    listing = f"{head}\n{lines}" if head else lines
    if filler:
        listing += "\n\n" + rng.choice(("Now a text:\n", "Read this:\n", "", "Text:\n")) + filler
    keys = rng.choices(list(entries), k=questions)
    asked = [loosen(rng, rng.choice(wordings)).format(k=key) for key in keys]
    identity = f"lookup {lines} {keys}"
    if rng.random() < 0.25:
        opening = (user(listing), assistant("I have read it. What would you like to know?"))
    else:
        opening = ()
        asked[0] = f"{listing}\n\n{asked[0]}"
    if questions == 1 and not opening and rng.random() < 0.15:
        thought = f"The entry for {keys[0]} says {entries[keys[0]]}."
        return question_and_answer(task, identity, asked[0], entries[keys[0]], thought)
    turns = [m for q, k in zip(asked, keys) for m in (user(q), assistant(entries[k]))]
    return Item(task, identity, opening + tuple(turns))


def _fit_domain(rng: Random, head: str, entries: dict[str, str]) -> dict[str, str]:
    """Keys and values that suit the heading."""
    things = head in ("Prices:", "Stock:")
    keys = rng.sample(OBJECTS if things else NAMES, len(entries))
    if head == "Where people live:":
        return {key: rng.choice(CITIES) for key in keys}
    if head == "Favourite colours:":
        return {key: rng.choice(COLORS) for key in keys}
    if head == "Phone numbers:":
        return {key: "".join(rng.choices("0123456789", k=rng.randint(4, 8))) for key in keys}
    return {key: str(number(rng, 3)) for key in keys}


def _digits(rng: Random) -> str:
    return str(number(rng, 4))


def _small_number(rng: Random) -> str:
    return str(rng.randrange(100))


def _name_or_number(rng: Random) -> str:
    return rng.choice(NAMES) if rng.random() < 0.7 else str(number(rng, 4))
