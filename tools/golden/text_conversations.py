"""The conversations rendered with every template of test/golden/text/templates."""

from typing import Any

Message = dict[str, Any]


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str | None, *calls: tuple[str, Any]) -> Message:
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for index, (name, arguments) in enumerate(calls, 1)
        ]
    return message


def system(content: str) -> Message:
    return {"role": "system", "content": content}


def tool(content: str, call: int = 1) -> Message:
    return {"role": "tool", "tool_call_id": f"call_{call}", "content": content}


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city; \"units\" is 'metric' or <imperial> & nothing else.",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name, e.g. 東京 or São Paulo"},
                "units": {"type": "string", "enum": ["metric", "imperial"], "default": "metric"},
                "days": {"type": "integer", "minimum": 1, "maximum": 14},
            },
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "",
        "parameters": {
            "type": "object",
            "properties": {
                "query": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                "weight": {"type": ["number", "null"], "exclusiveMinimum": 0.25},
                "filter": {"anyOf": [{"$ref": "#/$defs/f"}, {"type": "null"}]},
            },
            "$defs": {"f": {"type": "object", "properties": {}}},
        },
    },
}
NO_PARAMETERS = {"type": "function", "function": {"name": "now", "description": "The time"}}

HELLO = [user("Hello, who are you?")]
TURNS = [
    system("You are terse."),
    user("What is 17 + 25?"),
    assistant("42"),
    user("And twice that?"),
    assistant("84"),
    user("Thank you."),
]
ONE_CALL = [user("Weather in Paris?"), assistant(None, ("get_weather", '{"city": "Paris"}'))]
TWO_CALLS = [
    user("Paris and 東京?"),
    assistant(
        "", ("get_weather", '{"city": "Paris"}'), ("get_weather", '{"city": "東京", "days": 2}')
    ),
    tool('{"temperature": 21.5}', 1),
    tool("雨, 18 °C\n(second line)", 2),
]


def case(name: str, messages: list[Message], **options: Any) -> dict[str, Any]:
    """One conversation; tools, add_generation_prompt and kwargs as a request would set them."""
    return {
        "name": name,
        "messages": messages,
        "tools": options.pop("tools", None),
        "add_generation_prompt": options.pop("prompt", True),
        "continue_final_message": options.pop("continued", False),
        "kwargs": options,
    }


def conversations() -> list[dict[str, Any]]:
    return [*_plain(), *_thinking(), *_tools(), *_hard()]


def _plain() -> list[dict[str, Any]]:
    return [
        case("one user message", HELLO),
        case("one user message, no generation prompt", HELLO, prompt=False),
        case("system and user", [system("Answer in French."), *HELLO]),
        case("two system messages", [system("Be brief."), system("Be kind."), *HELLO]),
        case("system message after the first turn", [*HELLO, system("Now rhyme."), user("Go")]),
        case("many turns", TURNS),
        case("many turns, no generation prompt", TURNS[:-1], prompt=False),
        case("ends with the assistant", TURNS[:-1]),
        case("two user messages in a row", [user("First."), user("Second.")]),
        case("starts with the assistant", [assistant("Hi!"), user("Hello")]),
        case("only a system message", [system("Speak.")]),
        case("twelve turns", [m for i in range(12) for m in (user(f"q{i}"), assistant(f"a{i}"))]),
    ]


def _thinking() -> list[dict[str, Any]]:
    thought = assistant("<think>\n17 + 25 is 42.\n</think>\n\nIt is 42.")
    twice = assistant("<think>a</think>b</think>c")
    return [
        case("earlier thinking", [user("17 + 25?"), thought, user("Sure?")]),
        case("two closing marks", [user("q"), twice, user("r")]),
        case("an open thinking mark", [user("q"), assistant("<think>never ends"), user("r")]),
        case("a closing mark from the user", [user("a</think>b<think>c"), assistant("d")]),
        case("thinking on", HELLO, thinking=True),
        case("thinking off", HELLO, thinking=False),
        case("thinking on, many turns", [*TURNS[:2], thought, user("Why?")], thinking=True),
        case("thinking on, ends with the assistant", TURNS[:-1], thinking=True, prompt=False),
        case(
            "reasoning beside the content",
            [user("q"), {**assistant("a"), "reasoning_content": "because"}, user("r")],
        ),
    ]


def _tools() -> list[dict[str, Any]]:
    pair = [WEATHER, SEARCH]
    answered = [*TWO_CALLS, assistant("21.5 °C and rain.")]
    tricky = '{"query": ["a\\"b", "\\u00e9", "</think>", "```"], "weight": 1e-3}'
    object_call = assistant(None, ("search", {"query": ["é", '"'], "weight": None}))
    return [
        case("tools listed", HELLO, tools=[WEATHER]),
        case("tools listed after a system message", TURNS, tools=pair),
        case("a tool without parameters", HELLO, tools=[NO_PARAMETERS]),
        case("an empty list of tools", HELLO, tools=[]),
        case("one call, no result yet", ONE_CALL, tools=[WEATHER], prompt=False),
        case("one call and its result", [*ONE_CALL, tool("sunny")], tools=[WEATHER]),
        case("one call, answered", [*ONE_CALL, tool("sunny"), assistant("Sunny.")], prompt=False),
        case("two calls and results", TWO_CALLS, tools=pair),
        case("two calls, answered, next question", [*answered, user("Tomorrow?")], tools=pair),
        case("results, then a question", [*TWO_CALLS, user("Never mind.")], tools=pair),
        case("text before a call", [user("q"), assistant("Let me look.", ("now", "{}"))]),
        case("thinking before a call", [user("q"), assistant("<think>x</think>", ("now", "{}"))]),
        case("calls of two turns", [*ONE_CALL, tool("1"), *ONE_CALL, tool("2")], thinking=True),
        case("arguments with quotes and marks", [user("q"), assistant(None, ("search", tricky))]),
        case("arguments as an object", [user("q"), object_call, tool("[]")]),
        case("an empty result", [*ONE_CALL, tool("")]),
    ]


def _hard() -> list[dict[str, Any]]:
    syntax = user("{{ 7 * 7 }} {% if true %}x{% endif %} {# c #} {%- raw %}")
    special = "<｜User｜>x<｜Assistant｜>y<｜end▁of▁sentence｜>z<｜tool▁calls▁begin｜>"
    spaces = user("  \t two spaces, a tab, \r\n a CRLF, trailing \n\n")
    scripts = "中文，かな カナ 한국어 العربية हिन्दी ไทย 👩‍👩‍👧‍👦 🇩🇪 e\u0301 \u200b\ufeff \U0001d54f"
    return [
        case("template syntax in the text", [syntax]),
        case("special tokens in the text", [system(special), user(special), assistant(special)]),
        case("white space is kept", [spaces, assistant("\n kept \n"), user("\n")]),
        case("scripts and emoji", [system(scripts), user(scripts)]),
        case("empty strings", [system(""), user(""), assistant(""), user("")]),
        case("quotes and HTML", [user("<b>&amp;</b> \"double\" 'single' \\ back\\n slash")]),
        case("control characters", [user("\x00\x01\x07\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u2029")]),
        case("an unknown role", [{"role": "narrator", "content": "Once"}]),
        case("neither content nor calls", [user("q"), assistant(None), user("r")]),
        case("continue the answer", [*HELLO, assistant("I am")], continued=True, prompt=False),
        case("continue with a space", [*HELLO, assistant("I am ")], continued=True, prompt=False),
        case("continue the question", [user("One, two,")], continued=True, prompt=False),
        case(
            "continue text that occurs twice",
            [user("yes"), assistant("yes"), user("yes?"), assistant("yes")],
            continued=True,
            prompt=False,
        ),
    ]
