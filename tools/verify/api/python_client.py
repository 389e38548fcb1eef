"""The official Python client against a served demo model: `python python_client.py BASE_URL`."""

import json
import sys
from collections.abc import Callable

import openai
from pydantic import BaseModel

MODEL = "demo"
SUM = {"role": "user", "content": "What is 17 + 25?"}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


class Total(BaseModel):
    total: int


def chat(client: openai.OpenAI) -> None:
    answer = ask(client, [SUM])
    assert answer.choices[0].message.content == "42", answer
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.completion_tokens == 3, answer.usage


def stream(client: openai.OpenAI) -> None:
    chunks = list(ask(client, [SUM], stream=True, stream_options={"include_usage": True}))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "42", text
    assert chunks[-1].usage.completion_tokens == 3, chunks[-1]


def logprobs(client: openai.OpenAI) -> None:
    answer = ask(client, [SUM], logprobs=True, top_logprobs=3)
    content = answer.choices[0].logprobs.content
    assert "".join(entry.token for entry in content) == "42", content
    assert all(len(entry.top_logprobs) == 3 for entry in content)


def reasoning(client: openai.OpenAI) -> None:
    answer = ask(client, [SUM], reasoning_effort="high")
    message = answer.choices[0].message
    assert message.reasoning_content == message.reasoning != "", message
    assert "42" in message.content
    assert answer.usage.completion_tokens_details.reasoning_tokens > 1


def tools(client: openai.OpenAI) -> None:
    question = {"role": "user", "content": "What is the weather in Oslo?"}
    asking = ask(client, [question], tools=[WEATHER]).choices[0]
    assert asking.finish_reason == "tool_calls", asking
    call = asking.message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Oslo"}, call
    result = {
        "role": "tool",
        "tool_call_id": call.id,
        "content": '{"temperature": 7, "condition": "cloudy"}',
    }
    told = ask(client, [question, asking.message, result], tools=[WEATHER])
    assert "7 degrees and cloudy in Oslo" in told.choices[0].message.content, told


def streamed_tools(client: openai.OpenAI) -> None:
    question = {"role": "user", "content": "What is the weather in Oslo?"}
    with client.chat.completions.stream(
        model=MODEL, messages=[question], tools=[WEATHER], temperature=0
    ) as events:
        final = events.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather", call
    assert json.loads(call.function.arguments) == {"city": "Oslo"}, call


def forced_tools(client: openai.OpenAI) -> None:
    greeting = {"role": "user", "content": "Hello!"}
    answer = ask(client, [greeting], tools=[WEATHER], tool_choice="required", max_tokens=128)
    call = answer.choices[0].message.tool_calls[0]
    assert call.function.name == "get_weather", call


def structured(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(
        model=MODEL, messages=[SUM], response_format=Total, temperature=0, max_tokens=64
    )
    assert isinstance(answer.choices[0].message.parsed, Total), answer


def errors(client: openai.OpenAI) -> None:
    raises(openai.BadRequestError, lambda: ask(client, [SUM], top_p=9), "top_p")
    raises(openai.NotFoundError, lambda: client.models.retrieve("none"), "model")
    raises(openai.BadRequestError, lambda: ask(client, []), "messages")


def raises(kind: type[openai.APIStatusError], act: Callable[[], object], param: str) -> None:
    try:
        act()
    except kind as error:
        assert error.param == param, error
        return
    raise AssertionError(f"no {kind.__name__}")


def ask(client: openai.OpenAI, messages: list, **fields):
    return client.chat.completions.create(
        **{"model": MODEL, "temperature": 0, "max_tokens": 256, "messages": messages, **fields}
    )


CHECKS = (
    chat,
    stream,
    logprobs,
    reasoning,
    tools,
    streamed_tools,
    forced_tools,
    structured,
    errors,
)


def main() -> int:
    client = openai.OpenAI(base_url=sys.argv[1], api_key="any", max_retries=0)
    failed = 0
    for check in CHECKS:
        try:
            check(client)
            print(f"ok      {check.__name__}")
        except Exception as error:
            failed += 1
            print(f"FAILED  {check.__name__}: {type(error).__name__}: {error}")
    print(f"openai {openai.__version__} for Python: {len(CHECKS) - failed} of {len(CHECKS)} pass")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
