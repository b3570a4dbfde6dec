"""E-mail over SMTP."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples

_MESSAGE: dict[str, Any] = {
    "to": ["ada@engine.example", "grace@navy.example"],
    "cc": ["bo@engine.example"],
    "subject": "Next step",
    "body": "Hello Ada,\n\nshall we?\n",
    "reply_to": "desk@acme.example",
    "in_reply_to": "<1.2@engine.example>",
    "key": "run:1",
}

EXAMPLES = Examples(
    ConnectionInfo(
        id=UUID(int=2),
        connector="smtp",
        title="Sales mailbox",
        settings={"from_address": "sales@acme.example", "from_name": "Ada Ünal, Acme"},
    ),
    {
        "email.send": (
            Example(
                _MESSAGE,
                ProviderResponse.of(250, [("message-id", "<1@acme.example>")], b"2.0.0 Accepted"),
                unshown=frozenset({"key"}),
            ),
        )
    },
)
