"""Renders conversations to text the way chat_template.jinja does, cut into prompt and target parts.

The template is what servers use; this is the same layout in plain Python, because training needs to
know which characters the model has to produce. `test_demo_model.py` holds the two against each
other on items of every task.
"""

import json
from typing import NamedTuple

from special_tokens import (
    ASSISTANT,
    BOS,
    END_THINK,
    EOS,
    THINK,
    TOOL_CALL_BEGIN,
    TOOL_CALL_END,
    TOOL_CALLS_BEGIN,
    TOOL_CALLS_END,
    TOOL_OUTPUT_BEGIN,
    TOOL_OUTPUT_END,
    TOOL_SEP,
    USER,
)


class Segment(NamedTuple):
    """A stretch of text; `is_target` when the model is to produce it."""

    text: str
    is_target: bool


def render(messages: list[dict], tools: list[dict] | None, thinking: bool) -> list[Segment]:
    """Renders a whole conversation. Only the last assistant turn may hold `reasoning_content`."""
    segments = [Segment(prompt_head(messages, tools), False)]
    after_user = False
    for index, message in enumerate(messages):
        if message["role"] == "user":
            segments.append(Segment(USER + message["content"], False))
            after_user = True
        elif message["role"] == "tool":
            output = TOOL_OUTPUT_BEGIN + message["content"] + TOOL_OUTPUT_END
            segments.append(Segment(output, False))
            after_user = False
        elif message["role"] == "assistant":
            thinks = thinking and index == len(messages) - 1 and after_user
            if after_user:
                opening = THINK + "\n" if thinks else END_THINK
                segments.append(Segment(ASSISTANT + opening, False))
            segments.append(Segment(assistant_text(message, thinks), True))
            after_user = False
    return segments


def prompt_head(messages: list[dict], tools: list[dict] | None) -> str:
    """BOS, the system messages and the list of tools."""
    system = "\n\n".join(m["content"] for m in messages if m["role"] == "system")
    if not tools:
        return BOS + system
    parts = [system] if system else []
    parts.append("# Tools")
    for tool in tools:
        function = tool["function"]
        lines = ["## " + function["name"]]
        if function.get("description"):
            lines.append(function["description"])
        if function.get("parameters"):
            lines.append("Parameters: " + json.dumps(function["parameters"], ensure_ascii=False))
        parts.append("\n".join(lines))
    return BOS + "\n\n".join(parts)


def assistant_text(message: dict, thinks: bool) -> str:
    """What the model writes for one turn, closed by EOS."""
    text = message.get("content") or ""
    calls = message.get("tool_calls") or []
    if calls:
        rendered = "".join(
            TOOL_CALL_BEGIN
            + call["function"]["name"]
            + TOOL_SEP
            + call["function"]["arguments"]
            + TOOL_CALL_END
            for call in calls
        )
        text += TOOL_CALLS_BEGIN + rendered + TOOL_CALLS_END
    if thinks:
        text = message["reasoning_content"] + "\n" + END_THINK + "\n\n" + text
    return text + EOS
