"""Calling a tool from its schema, and answering from a tool's output."""

import json
from random import Random
from typing import Callable, NamedTuple

from .item import Item, assistant, user
from .words import CITIES, COLORS, NAMES, OBJECTS, any_word, invented_word, loosen, number

TOOLS_MAX = 4


class Request(NamedTuple):
    """One wish that a tool can fulfil: the tool, the wording, and the arguments it calls for."""

    tool: dict
    question: str
    arguments: dict


def tool_call(rng: Random) -> Item:
    """The user wants something that one of the tools does."""
    request = _any_request(rng)
    tools = _among_others(rng, request.tool)
    call = _call(request)
    message = {"role": "assistant", "content": "", "tool_calls": [call]}
    thinking = rng.random() < 0.12
    if thinking:
        message["reasoning_content"] = f"The tool {call['function']['name']} can do this."
    identity = f"tool {request.question} {request.arguments} {[_name(t) for t in tools]}"
    return Item("tool_call", identity, (user(request.question), message), tools, thinking)


def two_tool_calls(rng: Random) -> Item:
    """Two calls of one tool in one turn, which clients see as parallel tool calls."""
    parameter, name = _city_parameter(rng), rng.choice(_WEATHER_NAMES)
    tool = _tool(rng, name, "The current weather in a place", {parameter: "string"})
    first, second = rng.sample(CITIES, 2)
    question = loosen(rng, f"What is the weather in {first} and in {second}?")
    calls = [_call(Request(tool, question, {parameter: city})) for city in (first, second)]
    message = {"role": "assistant", "content": "", "tool_calls": calls}
    tools = _among_others(rng, tool)
    identity = f"tools {first} {second} {[_name(t) for t in tools]}"
    return Item("tool_call", identity, (user(question), message), tools)


def tool_result(rng: Random) -> Item:
    """The call has been made; the answer tells what came back."""
    request = _any_request(rng)
    output, answer = _outcome(rng, request)
    messages = (
        user(request.question),
        {"role": "assistant", "content": "", "tool_calls": [_call(request)]},
        {"role": "tool", "tool_call_id": "call_1", "content": output},
        assistant(answer),
    )
    identity = f"result {request.arguments} {output}"
    return Item("tool_result", identity, messages, _among_others(rng, request.tool))


def some_tools(rng: Random) -> tuple[dict, ...]:
    """Tools for a conversation that needs none of them."""
    return _among_others(rng, _any_request(rng).tool)


def _any_request(rng: Random) -> Request:
    make: Callable[[Random], Request] = rng.choice(_REQUESTS)
    return make(rng)


def _weather(rng: Random) -> Request:
    parameter, city = _city_parameter(rng), rng.choice(CITIES)
    question = rng.choice(
        (
            "What is the weather in {c}?",
            "What's the weather like in {c}?",
            "How is the weather in {c} today?",
            "Weather in {c}?",
            "Is it raining in {c}?",
            "Tell me the weather in {c}.",
            "How warm is it in {c}?",
        )
    )
    name = rng.choice(_WEATHER_NAMES)
    description = rng.choice(("Get the current weather", "The weather in a city", "Get weather"))
    tool = _tool(rng, name, description, {parameter: "string"})
    return Request(tool, loosen(rng, question).format(c=city), {parameter: city})


def _time(rng: Random) -> Request:
    parameter, city = _city_parameter(rng), rng.choice(CITIES)
    question = rng.choice(("What time is it in {c}?", "Tell me the time in {c}.", "Time in {c}?"))
    name = rng.choice(("get_time", "get_current_time", "current_time", "clock"))
    tool = _tool(rng, name, "Get the current time of a city", {parameter: "string"})
    return Request(tool, loosen(rng, question).format(c=city), {parameter: city})


def _calculator(rng: Random) -> Request:
    a, b = number(rng, 6), number(rng, 6)
    left, right = rng.choice((("a", "b"), ("x", "y"), ("first", "second")))
    verb, wordings = rng.choice(
        (
            ("add", ("Add {a} and {b} with the tool.", "Use the tool to add {a} and {b}.")),
            ("multiply", ("Multiply {a} and {b}.", "What is {a} times {b}?", "What is {a} * {b}?")),
        )
    )
    name = rng.choice((verb, f"{verb}_numbers", f"{verb}_two"))
    kind = rng.choice(("number", "integer"))
    tool = _tool(rng, name, f"{verb.capitalize()} two numbers", {left: kind, right: kind})
    question = loosen(rng, rng.choice(wordings)).format(a=a, b=b)
    return Request(tool, question, {left: a, right: b})


def _message(rng: Random) -> Request:
    name, text = rng.choice(NAMES), " ".join(any_word(rng) for _ in range(rng.randint(1, 4)))
    to, body = rng.choice((("to", "text"), ("recipient", "message"), ("name", "body")))
    question = rng.choice(("Send {n} the message: {t}", "Write to {n}: {t}", "Tell {n}: {t}"))
    tool_name = rng.choice(("send_message", "send_text", "message"))
    tool = _tool(rng, tool_name, "Send a message to somebody", {to: "string", body: "string"})
    return Request(tool, question.format(n=name, t=text), {to: name, body: text})


def _search(rng: Random) -> Request:
    query = " ".join(any_word(rng) for _ in range(rng.randint(1, 4)))
    parameter = rng.choice(("query", "q", "text", "search_term"))
    question = rng.choice(("Search for {q}", "Find something about {q}", "Look up {q} online"))
    name = rng.choice(("search", "web_search", "search_web", "find"))
    tool = _tool(rng, name, "Search the web", {parameter: "string"})
    return Request(tool, question.format(q=query), {parameter: query})


def _timer(rng: Random) -> Request:
    minutes = rng.randrange(1, 121)
    parameter = rng.choice(("minutes", "duration", "duration_minutes"))
    question = rng.choice(("Set a timer for {m} minutes.", "Wake me in {m} minutes."))
    name = rng.choice(("set_timer", "start_timer", "timer"))
    tool = _tool(rng, name, "Start a timer", {parameter: rng.choice(("integer", "number"))})
    return Request(tool, loosen(rng, question).format(m=minutes), {parameter: minutes})


def _light(rng: Random) -> Request:
    """A boolean argument and an enumeration."""
    on, color = rng.random() < 0.5, rng.choice(COLORS)
    if rng.random() < 0.5:
        tool = _tool(rng, "set_light", "Turn the light on or off", {"on": "boolean"})
        question = f"Turn the light {'on' if on else 'off'}."
        return Request(tool, loosen(rng, question), {"on": on})
    tool = _tool(rng, "set_color", "Set the colour of the light", {"color": "string"})
    return Request(tool, loosen(rng, f"Make the light {color}."), {"color": color})


def _invented(rng: Random) -> Request:
    """A tool nobody has heard of: the schema is all there is to go by."""
    name = rng.choice(("_", "")).join((any_word(rng).lower(), any_word(rng).lower()))
    arguments: dict[str, object] = {}
    types: dict[str, str] = {}
    for _ in range(rng.randint(1, 3)):
        parameter = rng.choice((invented_word, any_word))(rng).lower()
        types[parameter], arguments[parameter] = _argument(rng)
    spoken = " and ".join(f"{p} {_plain(v)}" for p, v in arguments.items())
    question = rng.choice(("Call {n} with {s}.", "Use {n} with {s}.", "Run {n}: {s}", "{n}: {s}"))
    tool = _tool(rng, name, rng.choice((None, any_word(rng))), types)
    return Request(tool, question.format(n=name, s=spoken), arguments)


_REQUESTS = (
    *(_weather,) * 3,
    _time,
    _calculator,
    _message,
    _search,
    _timer,
    _light,
    *(_invented,) * 4,
)
_WEATHER_NAMES = (
    "get_weather",
    "get_weather",
    "get_current_weather",
    "weather",
    "current_weather",
    "fetch_weather",
)


def _city_parameter(rng: Random) -> str:
    return rng.choice(("city", "city", "location", "place"))


def _argument(rng: Random) -> tuple[str, object]:
    """A JSON-Schema type and a value of it."""
    kind = rng.choice(("string", "string", "integer", "number", "boolean"))
    if kind == "string":
        return kind, rng.choice((any_word, invented_word))(rng)
    return kind, rng.random() < 0.5 if kind == "boolean" else number(rng, 4)


def _plain(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _tool(rng: Random, name: str, description: str | None, types: dict[str, str]) -> dict:
    """A tool in OpenAI form, with the liberties that real clients take."""
    properties = {}
    for parameter, kind in types.items():
        properties[parameter] = {"type": kind}
        if rng.random() < 0.3:
            properties[parameter]["description"] = f"The {parameter.replace('_', ' ')}"
    parameters: dict[str, object] = {"type": "object", "properties": properties}
    if rng.random() < 0.8:
        parameters["required"] = list(types)
    if rng.random() < 0.2:
        parameters["additionalProperties"] = False
    function: dict[str, object] = {"name": name}
    if description:
        ending = rng.choice(("", "."))
        function["description"] = description + ending
    function["parameters"] = parameters
    return {"type": "function", "function": function}


def _among_others(rng: Random, tool: dict) -> tuple[dict, ...]:
    """The tool in a list with others, none of the same name."""
    tools = {_name(tool): tool}
    for _ in range(rng.choice((0, 0, 1, 2, TOOLS_MAX - 1))):
        other = _any_request(rng).tool
        if not _same_purpose(_name(other), _name(tool)):
            tools.setdefault(_name(other), other)
    listed = list(tools.values())
    rng.shuffle(listed)
    return tuple(listed)


def _same_purpose(one: str, other: str) -> bool:
    """Two weather tools in one list would leave the choice to chance."""
    stems = ("weather", "time", "clock", "add", "multiply", "message", "text", "search", "find")
    return any(stem in one and stem in other for stem in stems) or one == other


def _name(tool: dict) -> str:
    return tool["function"]["name"]


def _call(request: Request) -> dict:
    arguments = json.dumps(request.arguments, ensure_ascii=False)
    function = {"name": _name(request.tool), "arguments": arguments}
    return {"id": "call_1", "type": "function", "function": function}


def _outcome(rng: Random, request: Request) -> tuple[str, str]:
    """What the tool says, and how the model tells it."""
    name = _name(request.tool)
    if "weather" in name:
        return _weather_outcome(rng, next(iter(request.arguments.values())))
    if rng.random() < 0.4:
        text = " ".join(any_word(rng) for _ in range(rng.randint(1, 5)))
        text = rng.choice((text, str(number(rng, 5)), "ok", "done", "error: " + text))
        return text, f"The result is: {text}"
    key = rng.choice(("result", "value", "time", "status", "answer", invented_word(rng)))
    values = (number(rng, 5), any_word(rng), f"{rng.randrange(24)}:{rng.randrange(60):02d}")
    value = rng.choice(values)
    return json.dumps({key: value}), f"The {key} is {value}."


_SKIES = ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear")


def _weather_outcome(rng: Random, city: object) -> tuple[str, str]:
    sky = rng.choice((*_SKIES, any_word(rng)))
    degrees = rng.randrange(-20, 45)
    if rng.random() < 0.3:
        return f"{degrees} degrees, {sky}", f"The weather in {city}: {degrees} degrees, {sky}."
    heat = rng.choice(("temperature", "temp", "temperature_c", "degrees"))
    condition = rng.choice(("condition", "conditions", "sky", "weather"))
    report: dict[str, object] = {heat: degrees, condition: sky}
    if rng.random() < 0.3:
        report = {"city": city, **report}
    if rng.random() < 0.3:
        report = dict(reversed(report.items()))
    return json.dumps(report, ensure_ascii=False), f"It is {degrees} degrees and {sky} in {city}."
