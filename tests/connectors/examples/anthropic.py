"""Anthropic's messages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from tests.connectors.examples import Example, Examples, answer
from tests.connectors.examples.openai import ASKED


def said(*texts: str, stop: str = "end_turn") -> dict[str, Any]:
    """A message as the API answers it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": text} for text in texts],
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 21, "output_tokens": 4},
    }


EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=9), connector="anthropic", title="Claude"),
    {
        "models.list": (
            Example({}, answer({"data": [{"id": "claude-sonnet-4-5", "type": "model"}], "has_more": False})),
        ),
        "text.complete": (
            Example({**ASKED, "model": "claude-sonnet-4-5"}, answer(said("Hello ", "again."))),
            Example(
                {"model": "claude-sonnet-4-5", "messages": [{"role": "user", "text": "Hi"}], "sampling": False},
                answer(said("Hi")),
            ),
        ),
    },
)
