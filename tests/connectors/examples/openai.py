"""Chat completions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from tests.connectors.examples import Example, Examples, answer

ASKED = {
    "model": "gpt-4o-mini",
    "system": "Write one short paragraph.",
    "messages": [
        {"role": "user", "text": "Say hello."},
        {"role": "assistant", "text": "Hello."},
        {"role": "user", "text": "Again."},
    ],
    "max_tokens": 300,
}


def said(text: str | None, *, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A completion as a server answers it."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 21, "completion_tokens": 4, "total_tokens": 25},
    }


EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=8), connector="openai", title="Models"),
    {
        "models.list": (Example({}, answer({"object": "list", "data": [{"id": "gpt-4o-mini", "object": "model"}]})),),
        "text.complete": (
            Example(ASKED, answer(said("Hello again."))),
            Example(
                {"model": "org/own-model:8b", "messages": [{"role": "user", "text": "Hi"}], "sampling": False},
                answer({key: value for key, value in said("Hi").items() if key != "usage"}),
            ),
        ),
    },
)
