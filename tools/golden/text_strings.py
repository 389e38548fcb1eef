"""Adversarial strings for the tokenizer goldens, and random ones drawn from a seed."""

from random import Random

SEED = 7

SPECIAL = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>")
# As in DeepSeek's files these are added tokens with special=false: decoding never hides them.
ADDED = (
    "<｜User｜>",
    "<｜Assistant｜>",
    "<think>",
    "</think>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁call▁end｜>",
    "<｜tool▁outputs▁begin｜>",
    "<｜tool▁outputs▁end｜>",
    "<｜tool▁output▁begin｜>",
    "<｜tool▁output▁end｜>",
    "<｜tool▁sep｜>",
)

CODE = r"""
def fibonacci(count: int) -> list[int]:
    numbers, a, b = [], 0, 1
    for _ in range(count):
        numbers.append(a)
        a, b = b, a + b
    return numbers

export const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

#include <vector>
template <typename T> T largest(const std::vector<T>& items) {
  return *std::max_element(items.begin(), items.end());
}

SELECT name, COUNT(*) AS visits FROM guests WHERE day >= '2024-01-01' GROUP BY name;
{"name": "get_weather", "arguments": {"city": "Paris", "days": 3, "metric": true}}
<html><body class="page"><p>Hello &amp; goodbye</p></body></html>
""".strip("\n")

PROSE = (
    "The weather is fine today. 今天天气很好，我们去公园散步吧。今日はいい天気ですね。カタカナも少し。",
    "오늘 날씨가 좋네요. 산책하러 갑시다. Сегодня хорошая погода, пойдём гулять.",
    "Το πρωί πίνω καφέ. صباح الخير، كيف حالك اليوم؟ שלום, מה שלומך?",
    "आज मौसम अच्छा है। วันนี้อากาศดี ไปเดินเล่นกัน Ça va très bien, merci à tous.",
    "Grüße aus Köln! 😀 👍 ❤️ 🎉 naïve café jalapeño — “quoted” … 3.14159 + 2.71828 = 5.85987",
)


def training_texts(prose: str) -> list[str]:
    """Mostly prose; code and other scripts often enough to earn merges of their own."""
    return [prose, *[CODE] * 40, *[line for line in PROSE for _ in range(60)]]


def strings() -> list[str]:
    """At least 200 different strings, in a fixed order."""
    listed = [*_empty_and_spaces(), *_scripts(), *_emoji(), *_controls(), *_runs(), *_numbers()]
    listed += [*_specials(), *_code(), *_words(), *_random(Random(SEED))]
    return list(dict.fromkeys(listed))


def _empty_and_spaces() -> list[str]:
    spaces = ["", " ", "  ", "   ", "\t", "\t\t", " \t ", "\n", "\n\n", "\n\n\n", "\r\n", "\r\r\n"]
    spaces += [" \n", "\n ", " \n \n ", "a \n", "a\n b", "a  b", "a   b", "  a", "a  ", " a b  c"]
    spaces += ["\u00a0", "a\u00a0b", "\u2003x", "\u3000中", "\u200b", "\u200b\u200b", "\ufeffa"]
    spaces += ["a\ufeff", "\u2028", "\u2029", "\x85", "a\r\nb\r\n", "    indented", "\tindented"]
    return [*spaces, "x\n\n\n\ny", " " * 31]


def _scripts() -> list[str]:
    return [
        "中文",
        "你好，世界！",
        "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。",
        "漢字とかなカナ交じり文。",
        "ひらがな",
        "カタカナ",
        "ｶﾀｶﾅ ﾊﾝｶｸ",
        "ー々〆〇",
        "한국어 문장입니다.",
        "각\u1100\u1161\u11a8",
        "العربية",
        "مَرْحَبًا بِالْعَالَم",
        "עִבְרִית",
        "हिन्दी में लिखा",
        "क्षत्रिय",
        "ไทยไม่มีช่องว่าง",
        "ກັບ ລາວ",
        "မြန်မာ",
        "ខ្មែរ",
        "தமிழ் మాట ಕನ್ನಡ",
        "Русский текст",
        "Ελληνικά",
        "Հայերեն ქართული",
        "Tiếng Việt có dấu",
        "ÀÉÎÕÜ àéîõü ßẞ ŒœÆæ",
        "İıĞğŞş",
        "𝕏𝔸𝔹 𝒞𝒟 ℝℕ",
        "𠀀𠀁𪚥",
        "English中文mixed한글",
        "a中b文c",
        "数字123混合456",
        "αβγ123",
        "ﷺ ﷽",
        "اهلا123",
        "\u202eright to left\u202c",
        "\u2066iso\u2069",
        "e\u0301 o\u0308 n\u0303",
        "é ö ñ",
        "Z\u0351\u036b\u0343\u036a\u0302a\u0315l\u0323g\u0348o",
        "\u0301alone",
        "ᚠᛇᚻ ᛒᛦᚦ",
        "Ꭰꭰ ꙮ",
        "ꦧꦱ",
        "𒀀𒀁 𓀀",
    ]


def _emoji() -> list[str]:
    return [
        "😀",
        "😀😀😀",
        " 😀 ",
        "a😀b",
        "👍🏽",
        "👩‍👩‍👧‍👦",
        "👨‍💻",
        "🏳️‍🌈",
        "🇩🇪🇫🇷🇯🇵",
        "1️⃣2️⃣",
        "❤️",
        "❤",
        "☕️☕",
        "\u200d",
        "👩\u200d",
        "🫠🫡🪿",
        "→←↑↓⇒",
        "½⅓²³₄",
        "①②⑳",
        "™®©",
        "♠♥♦♣",
        "…—–‘’“”",
        "€£¥₹₿",
        "∑∫√∞≠≤",
        "━┃┏┓▁｜",
        "\ue000\uf8ff",
        "\U000f0000",
        "\ufffd",
        "\ufffd\ufffd ok",
        "\uffff",
    ]


def _controls() -> list[str]:
    controls = [chr(code) for code in (0, 1, 7, 8, 11, 12, 27, 127)]
    return [*controls, "a\x00b", "\x1b[31mred\x1b[0m", "".join(map(chr, range(32))), "\x80\x9f\xad"]


def _runs() -> list[str]:
    runs = ["a" * 500, "ab" * 200, "=" * 100, "-" * 77, "." * 50, "!" * 33, "中" * 60, "😀" * 20]
    return [*runs, "\n" * 40, "0" * 100, "the " * 30, "Ah" + "h" * 90, "_" * 64, "#" * 7 + " title"]


def _numbers() -> list[str]:
    numbers = ["0", "7", "42", "123", "1234", "12345", "123456", "1234567890", "3.14159", "-1"]
    numbers += ["1e-9", "1,234,567.89", "0x1F", "0b1010", "2024-02-29T12:34:56Z", "192.168.0.1"]
    numbers += ["１２３４", "+49 30 1234", "٣٤٥", "१२३४", "²³", "Ⅷ"]
    return [*numbers, "12 345", "a1b22c333d4444", "5%", "$9.99"]


def _specials() -> list[str]:
    every = [*SPECIAL, *ADDED]
    return [
        *every,
        "".join(every),
        " ".join(every),
        "<｜User｜>Hello<｜Assistant｜>Hi<｜end▁of▁sentence｜>",
        " <｜User｜> ",
        "a<think>b</think>c",
        "<think>\n</think>\n\n",
        "<think",
        "think>",
        "<<think>>",
        "<｜User",
        "｜User｜>",
        "<|User|>",
        "<｜user｜>",
        "<｜User｜ >",
        "<｜User｜><｜User｜>",
        "<｜end▁of▁sentence｜",
        "<｜end of sentence｜>",
        "<｜unknown｜>",
        "<s></s><unk>",
        "▁",
        "Ġ",
        "ĠĊâĢ",
        "<0x0A>",
    ]


def _code() -> list[str]:
    lines = CODE.split("\n")
    return [
        CODE,
        *[line for line in lines if line],
        "if (x) {\n\t\treturn;\n\t}\n",
        "    for i in range(10):\n        print(i)\n",
        "a.b.c().d[e]->f::g",
        "snake_case camelCase PascalCase kebab-case SCREAMING_CASE",
        "i++; --j; a<<=2; b>>>3; c?.d ?? e; x=>y",
        "C:\\Users\\name\\file.txt /usr/local/bin",
        "https://example.com/path?query=1&other=%20#part",
        "user@example.com",
        "\\n\\t\\u0041 \\\\",
        '```json\n{"a": [1, 2, {"b": null}]}\n```',
        "{{ x }} {% if y %}",
        "<!-- comment --><a href='x'>y</a>",
        "$\\frac{a}{b} = \\sqrt{c}$",
        "'''\"\"\"```",
        "()[]{}<>",
    ]


def _words() -> list[str]:
    return [
        "Hello",
        "hello",
        " Hello",
        "HELLO",
        "Hello, world!",
        "don't can't I'll we've they're it's",
        "DON'T I'LL",
        "don’t",
        "To be, or not to be: that is the question.",
        "First Citizen:\nBefore we proceed any further, hear me speak.",
        "antidisestablishmentarianism",
        "pneumonoultramicroscopicsilicovolcanoconiosis",
        "xqzjvk",
        "a",
        "I",
        "e.g. i.e. etc.",
        "Mr. & Mrs. O'Neill-Smith",
        "über-naïve façade",
        "…and then—nothing.",
        "tab\tseparated\tvalues",
        "trailing space ",
        "ends with newline\n",
        "hello'",
        "'hello",
        "'s 's",
    ]


# Assigned letters, marks, symbols and spaces only: how an unassigned character is split depends
# on the Unicode version of a library.
RANGES = (
    (0x20, 0x7E),
    (0xA0, 0x17F),
    (0x391, 0x3A1),
    (0x410, 0x44F),
    (0x300, 0x33F),
    (0x621, 0x63A),
    (0x905, 0x939),
    (0xE01, 0xE30),
    (0x3041, 0x3096),
    (0x30A1, 0x30FA),
    (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),
    (0x1F600, 0x1F64F),
    (0x2010, 0x2027),
    (0x9, 0xD),
)


def _random(rng: Random) -> list[str]:
    texts = []
    for length in [3, 5, 8, 13, 21, 34, 55] * 6:
        few = rng.sample(RANGES, 3)
        texts.append("".join(chr(rng.randint(*rng.choice(few))) for _ in range(length)))
    tokens = [*SPECIAL, *ADDED, " ", "\n", "a", "中", "<", "｜", "▁", "123"]
    for _ in range(12):
        texts.append("".join(rng.choice(tokens) for _ in range(12)))
    return texts
