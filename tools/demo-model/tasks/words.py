"""Vocabulary of the tasks: everyday words, and invented ones so that copying must generalise."""

from random import Random

NAMES = """Anna Ben Carla David Emma Felix Greta Hugo Ida Jonas Kara Leo Maria Nico Olga Paul Rosa
Simon Tina Umberto Vera Walter Xenia Yusuf Zoe Alice Bob Carol Dan Eve Frank Grace Henry Iris Jack
Kate Liam Mia Noah Olivia Peter Quinn Ruth Sam Tom Ursula Victor Wendy Max Nina Oscar Paula Ravi
Sara Theo Uma Viktor Wanda Aisha Bruno Chen Diego Elena Farid Hana Ivan Julia Kenji Lena Mateo Nadia
Omar Priya Rafael Sofia Tariq Yuki""".split()

CITIES = """Rome Paris London Berlin Madrid Vienna Prague Lisbon Dublin Oslo Athens Warsaw Budapest
Helsinki Zurich Geneva Brussels Munich Hamburg Milan Naples Venice Turin Lyon Nice Porto Seville
Tokyo Kyoto Osaka Beijing Shanghai Seoul Delhi Mumbai Bangkok Hanoi Jakarta Manila Sydney Perth
Auckland Cairo Lagos Nairobi Tunis Dakar Boston Chicago Denver Dallas Austin Seattle Toronto
Montreal Lima Quito Bogota Santiago Havana Moscow Kyiv Riga Vilnius Tallinn Sofia Zagreb Belgrade
Istanbul
Ankara Tehran Dubai Doha""".split()

OBJECTS = """apple pear plum cherry grape lemon orange banana peach melon mango berry kiwi fig date
olive carrot potato onion tomato bean corn rice bread butter cheese milk honey sugar salt pepper tea
coffee water juice soup cake pie egg fish meat dog cat horse cow sheep goat pig duck goose hen mouse
rat rabbit fox wolf bear lion tiger zebra camel donkey monkey snake frog turtle bird eagle owl crow
swan bee ant spider house door window roof wall floor table chair bed lamp clock mirror carpet shelf
box bag basket bottle cup plate bowl spoon fork knife pot pan oven fridge phone radio book paper pen
pencil ink letter stamp map key lock coin ring watch hat coat shirt shoe sock glove scarf belt
button needle thread rope chain hammer nail saw drill ladder bucket brush broom soap towel river
lake sea island mountain hill valley forest tree leaf flower grass stone sand snow ice rain wind
cloud storm
sun moon star fire smoke train bus car truck bike boat ship plane bridge road street garden field
farm barn fence gate tower castle church school shop market bank hotel museum library
park""".split()

COLORS = """red blue green yellow white black brown grey pink purple orange violet silver gold
crimson teal navy""".split()

_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"


def invented_word(rng: Random) -> str:
    """A pronounceable word of two to four syllables that means nothing."""
    syllables = rng.choice((2, 2, 3, 3, 4))
    word = "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(syllables))
    return word + rng.choice(_CONSONANTS) if rng.random() < 0.4 else word


def any_word(rng: Random) -> str:
    """A word of any kind."""
    kind = rng.random()
    if kind < 0.3:
        return rng.choice(OBJECTS)
    if kind < 0.4:
        return rng.choice(NAMES)
    if kind < 0.5:
        return rng.choice(CITIES)
    if kind < 0.55:
        return rng.choice(COLORS)
    word = invented_word(rng)
    return word.capitalize() if rng.random() < 0.2 else word


def number(rng: Random, digits_max: int) -> int:
    """A number whose length, not only its value, is evenly spread."""
    return rng.randrange(10 ** rng.randint(1, digits_max))


def code(rng: Random) -> str:
    """A short key such as `K7-42`."""
    letters = "".join(rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ") for _ in range(rng.randint(1, 2)))
    return f"{letters}{rng.randrange(10)}-{rng.randrange(100):02d}"


def loosen(rng: Random, question: str) -> str:
    """The same request as people type it: courtesy, lost capitals, lost full stops.

    Apply to a wording before its operands are filled in, so that operands stay as they are.
    """
    roll = rng.random()
    if roll < 0.08:
        question = "Please " + question[:1].lower() + question[1:]
    elif roll < 0.12:
        question = rng.choice(("Hi! ", "Hello, ", "Hey, ", "Ok, ", "Now: ")) + question
    elif roll < 0.27:
        question = question[:1].lower() + question[1:]
    if question[-1] in ".?" and rng.random() < 0.25:
        question = question[:-1]
    return question
