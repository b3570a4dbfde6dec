"""Slack. Answers have the fields that its description asks for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from tests.connectors.examples import Example, Examples, answer

CHANNEL: dict[str, Any] = {
    "id": "C0123456789",
    "name": "sales",
    "is_channel": True,
    "is_private": False,
    "is_archived": False,
    "is_member": True,
    "created": 1760000000,
    "topic": {"value": "Deals", "creator": "U0123456789", "last_set": 1760000000},
    "purpose": {"value": "What is sold", "creator": "U0123456789", "last_set": 1760000000},
}
ADA: dict[str, Any] = {
    "id": "U0123456789",
    "name": "ada",
    "deleted": False,
    "is_bot": False,
    "real_name": "Ada Lovelace",
    "tz": "Europe/London",
    "profile": {"real_name": "Ada Lovelace", "display_name": "ada", "email": "ada@engine.example"},
}
MESSAGE: dict[str, Any] = {
    "type": "message",
    "ts": "1760000000.000100",
    "user": "U0123456789",
    "text": "Any news of the pilot?",
    "thread_ts": "1760000000.000100",
    "reply_count": 1,
}
MORE = {"response_metadata": {"next_cursor": "bmV4dA=="}}
PAGE = answer({"ok": True, "messages": [MESSAGE], "has_more": True, "pin_count": 0, **MORE})
POSTED = answer({"ok": True, "channel": "C0123456789", "ts": "1760000001.000200", "message": {"text": "Signed!"}})
_RANGE = {"oldest": "1760000000.000000", "latest": "1760000009.000000", "limit": 50, "after": "bmV4dA=="}

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=3), connector="slack", title="Team chat"),
    {
        "channels.list": (
            Example({"archived": True, "after": "bmV4dA=="}, answer({"ok": True, "channels": [CHANNEL], **MORE})),
            Example({}, answer({"ok": True, "channels": []})),
        ),
        "channels.get": (Example({"id": "C0123456789"}, answer({"ok": True, "channel": CHANNEL})),),
        "channels.history": (Example({"channel": "C0123456789", **_RANGE}, PAGE),),
        "threads.replies": (Example({"channel": "C0123456789", "thread": "1760000000.000100", **_RANGE}, PAGE),),
        "users.list": (Example({"after": "bmV4dA=="}, answer({"ok": True, "members": [ADA], "cache_ts": 1, **MORE})),),
        "users.find": (
            Example({"email": "ada@engine.example"}, answer({"ok": True, "user": ADA})),
            Example({"email": "no@engine.example"}, answer({"ok": False, "error": "users_not_found"})),
        ),
        "users.get": (Example({"id": "U0123456789"}, answer({"ok": True, "user": ADA})),),
        "messages.post": (
            Example(
                {"channel": "C0123456789", "text": "The pilot is *signed* <!here>\nThanks all"},
                POSTED,
                prior=answer({"ok": True, "channel": CHANNEL}),
            ),
            Example(
                {
                    "channel": "C0123456789",
                    "text": "Signed!",
                    "thread": "1760000000.000100",
                    "also_to_channel": True,
                },
                POSTED,
                prior=answer({"ok": True, "channel": CHANNEL}),
            ),
        ),
        "messages.direct": (
            Example({"user": "U0123456789", "text": "Signed!"}, POSTED, prior=answer({"ok": True, "user": ADA})),
        ),
    },
)
