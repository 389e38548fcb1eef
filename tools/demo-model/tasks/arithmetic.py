"""Adding and subtracting numbers of up to three digits."""

from random import Random

from .item import Item, question_and_answer
from .words import NAMES, loosen, number

DIGITS_MAX = 3

_ADD = (
    "What is {a} + {b}?",
    "What is {a} + {b}?",
    "What is {a}+{b}?",
    "What's {a} + {b}?",
    "{a} + {b}",
    "{a}+{b}",
    "{a} + {b} =",
    "{a}+{b}=",
    "{a} + {b} = ?",
    "{a}+{b}?",
    "Add {a} and {b}.",
    "Add {a} to {b}.",
    "Can you add {a} and {b}?",
    "What is {a} plus {b}?",
    "{a} plus {b}",
    "How much is {a} + {b}?",
    "How much is {a} and {b} together?",
    "Calculate {a} + {b}.",
    "Compute {a} + {b}.",
    "What is the sum of {a} and {b}?",
    "Sum of {a} and {b}?",
    "Tell me {a} + {b}.",
    "Solve {a} + {b}.",
    "The numbers are {a} and {b}. What is their sum?",
    "Answer with the number only: {a} + {b}",
    "Compute {a} + {b}. Answer with the number only.",
)

_COUNTED = ("apple", "pear", "lemon", "book", "coin", "egg", "stone", "hat", "key", "cup", "stamp")
_ADD_STORIES = (
    "{name} has {a} {thing}s and buys {b} more. How many {thing}s does {name} have now?",
    "There are {a} {thing}s in one box and {b} in another. How many {thing}s are there in all?",
    "I had {a} {thing}s and got {b} more. How many do I have?",
    "One {thing} costs {a} and a bag costs {b}. How much do both cost?",
)

_SUBTRACT = (
    "What is {a} - {b}?",
    "What is {a}-{b}?",
    "{a} - {b}",
    "{a}-{b}",
    "{a} - {b} =",
    "{a}-{b}=",
    "Subtract {b} from {a}.",
    "What is {a} minus {b}?",
    "{a} minus {b}",
    "How much is {a} - {b}?",
    "Calculate {a} - {b}.",
    "Compute {a} - {b}.",
    "What is the difference between {a} and {b}?",
)


def addition(rng: Random) -> Item:
    a, b = number(rng, DIGITS_MAX), number(rng, DIGITS_MAX)
    if rng.random() < 0.12:
        story = rng.choice(_ADD_STORIES)
        question = story.format(a=a, b=b, name=rng.choice(NAMES), thing=rng.choice(_COUNTED))
    else:
        question = loosen(rng, rng.choice(_ADD)).format(a=a, b=b)
    reasoning = column_addition(a, b) if rng.random() < 0.2 else None
    identity = addition_identity(a, b)
    return question_and_answer("addition", identity, question, str(a + b), reasoning)


def subtraction(rng: Random) -> Item:
    """The difference of two numbers, never negative."""
    b, a = sorted((number(rng, DIGITS_MAX), number(rng, DIGITS_MAX)))
    question = loosen(rng, rng.choice(_SUBTRACT)).format(a=a, b=b)
    reasoning = f"{a} - {b} = {a - b}, because {b} + {a - b} = {a}."
    identity = None if a < 10 else f"subtract {a} {b}"
    thought = reasoning if rng.random() < 0.15 else None
    return question_and_answer("subtraction", identity, question, str(a - b), thought)


def addition_identity(a: int, b: int) -> str | None:
    """The unordered pair. The hundred sums of single digits are facts to learn, never held out."""
    low, high = sorted((a, b))
    return None if high < 10 else f"add {low} {high}"


def column_addition(a: int, b: int) -> str:
    """The sum worked out digit by digit from the right."""
    lines = [f"{a} + {b}"]
    carry = 0
    left, right = str(a)[::-1], str(b)[::-1]
    for column in range(max(len(left), len(right))):
        x = int(left[column]) if column < len(left) else 0
        y = int(right[column]) if column < len(right) else 0
        total = x + y + carry
        carried = f" + {carry}" if carry else ""
        carry = total // 10
        lines.append(f"{x} + {y}{carried} = {total}, write {total % 10}, carry {carry}")
    lines.append(f"{a} + {b} = {a + b}")
    return "\n".join(lines)
