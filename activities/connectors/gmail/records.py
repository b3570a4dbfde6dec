"""Messages, threads and drafts out of Gmail's answers, checked: headers by name, and the plain text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.message import Message
from typing import Any

from activities.connectors.http import as_object, text_in
from coco.errors import InvalidInput

MAX_TEXT = 100_000
"""Characters of a message's text that are kept."""
MAX_DEPTH = 20
"""Parts inside parts that are looked into."""

_HEADERS = {
    "from": "From",
    "to": "To",
    "cc": "Cc",
    "subject": "Subject",
    "message_id": "Message-ID",
    "in_reply_to": "In-Reply-To",
}
HEADER_NAMES = tuple(sorted(_HEADERS.values()))


def message_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, thread_id, labels, at, snippet, from, to, cc, subject, message_id, in_reply_to, text}`.

    `at` is RFC 3339 in UTC; `text` is the plain text, None where the message has none or it was not asked for. Raises
    InvalidInput.
    """
    payload = as_object(value.get("payload", {}), "a message's content")
    labels = value.get("labelIds", [])
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InvalidInput("Gmail answered a message whose labels cannot be read")
    headers = headers_of(payload)
    return {
        "id": text_in(value, "id", "message"),
        "thread_id": text_in(value, "threadId", "message"),
        "labels": sorted(labels),
        "at": _moment(value.get("internalDate")),
        "snippet": value["snippet"] if isinstance(value.get("snippet"), str) else "",
        **{name: headers.get(header.lower()) for name, header in _HEADERS.items()},
        "text": _text(payload),
    }


def headers_of(payload: Mapping[str, Any]) -> dict[str, str]:
    """Headers by lower-case name; of one that comes twice, the first. Raises InvalidInput."""
    found: dict[str, str] = {}
    headers = payload.get("headers", [])
    if not isinstance(headers, list):
        raise InvalidInput("Gmail answered headers that cannot be read")
    for header in headers:
        told = as_object(header, "a header")
        name, value = told.get("name"), told.get("value")
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidInput("Gmail answered a header that cannot be read")
        found.setdefault(name.lower(), value)
    return found


def _moment(value: Any) -> str | None:
    """Gmail tells milliseconds since 1970, as text."""
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > 14:
        return None
    return datetime.fromtimestamp(int(value) / 1000, UTC).isoformat(timespec="seconds")


def _text(payload: Mapping[str, Any]) -> str | None:
    for part in _parts(payload, 0):
        body = part.get("body")
        data = body.get("data") if isinstance(body, dict) else None
        if part.get("mimeType") == "text/plain" and not part.get("filename") and isinstance(data, str):
            return _decoded(data, headers_of(part).get("content-type", ""))[:MAX_TEXT]
    return None


def _parts(payload: Mapping[str, Any], depth: int) -> Iterator[Mapping[str, Any]]:
    """The part and those inside it, in order."""
    if depth > MAX_DEPTH:
        raise InvalidInput("Gmail answered a message that is nested too deeply")
    yield payload
    inner = payload.get("parts", [])
    if not isinstance(inner, list):
        raise InvalidInput("Gmail answered parts that cannot be read")
    for part in inner:
        yield from _parts(as_object(part, "a part"), depth + 1)


def _decoded(data: str, content_type: str) -> str:
    try:
        raw = base64.b64decode(
            data.rstrip("=").encode("ascii") + b"=" * (-len(data.rstrip("=")) % 4), b"-_", validate=True
        )
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("Gmail answered a text that is not base64url") from error
    header = Message()
    header["content-type"] = " ".join(content_type.split()) or "text/plain"
    charset = header.get_content_charset("utf-8")
    try:
        text = raw.decode(charset, "replace")
    except (LookupError, ValueError):
        text = raw.decode("utf-8", "replace")
    return text.replace("\0", "").replace("\r\n", "\n")


def thread_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, messages: [message]}`, oldest first. Raises InvalidInput."""
    messages = value.get("messages", [])
    if not isinstance(messages, list):
        raise InvalidInput("Gmail answered a thread whose messages cannot be read")
    return {
        "id": text_in(value, "id", "thread"),
        "messages": [message_of(as_object(message, "a message")) for message in messages],
    }


def draft_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """`{id, message}`. Raises InvalidInput."""
    return {
        "id": text_in(value, "id", "draft"),
        "message": message_of(as_object(value.get("message"), "a draft's message")),
    }
