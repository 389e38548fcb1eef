"""Renders the conversations with transformers' own rendering function.

    python tools/golden/text_templates.py

Writes test/golden/text/conversations.json. The templates beside it are written by hand.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

from text_conversations import conversations

OUTPUT = Path(__file__).resolve().parents[2] / "test" / "golden" / "text"
TEMPLATES = ("v3", "r1", "v31")
TOKENS = {"bos_token": "<｜begin▁of▁sentence｜>", "eos_token": "<｜end▁of▁sentence｜>"}


def main() -> None:
    sources = {name: (OUTPUT / "templates" / f"{name}.jinja").read_text() for name in TEMPLATES}
    cases = [
        {**case, "expected": {name: render(source, case) for name, source in sources.items()}}
        for case in conversations()
    ]
    fields = {
        "format": "etap-golden-conversations",
        "version": 1,
        "reference": "transformers.utils.chat_template_utils.render_jinja_template",
        "versions": {name: version(name) for name in ("transformers", "jinja2")},
        "tokens": TOKENS,
    }
    (OUTPUT / "conversations.json").write_text(document(fields, "cases", cases))
    print(f"{len(cases)} conversations, {len(TEMPLATES)} templates")


def render(source: str, case: dict[str, Any]) -> dict[str, str]:
    """The text, or the fact that the template refuses the conversation."""
    try:
        rendered, _ = render_jinja_template(
            conversations=[case["messages"]],
            tools=case["tools"],
            chat_template=source,
            add_generation_prompt=case["add_generation_prompt"],
            continue_final_message=case["continue_final_message"],
            **TOKENS,
            **case["kwargs"],
        )
    except Exception as error:  # the kinds are jinja2's and Python's own
        return {"error": f"{type(error).__name__}: {error}"}
    return {"text": rendered[0]}


def document(fields: dict[str, Any], list_name: str, items: list[Any]) -> str:
    """JSON with one line per field and one line per item, so that differences read well."""
    head = [f"  {json.dumps(key)}: {dumps(value)}" for key, value in fields.items()]
    body = ",\n".join(f"    {dumps(item)}" for item in items)
    return "{\n" + ",\n".join([*head, f'  "{list_name}": [\n{body}\n  ]']) + "\n}\n"


def dumps(value: Any) -> str:
    # ASCII only: control and invisible characters stay visible in a diff.
    return json.dumps(value, ensure_ascii=True)


if __name__ == "__main__":
    main()
