"""A mail message as facts: what its headers say, its text, and what hangs on it. Nothing in it is believed."""

from __future__ import annotations

import re
from email import policy
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesHeaderParser, BytesParser
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from typing import Any

from coco.errors import InvalidInput

MAX_TEXT = 100_000
MAX_ATTACHMENTS = 50
MAX_ADDRESSES = 100

_BROKEN = (MessageError, AttributeError, LookupError, TypeError, ValueError, AssertionError, RecursionError)
"""What the standard library raises for messages that are not quite messages."""
_ID = re.compile(r"<[^<>\s]{1,250}>")


def headers_of(raw: bytes) -> dict[str, Any]:
    """What a header says: addresses, subject, date (RFC 3339 text or None), ids. Raises InvalidInput."""
    try:
        return _headers(BytesHeaderParser(policy=policy.default).parsebytes(raw))
    except _BROKEN as error:
        raise InvalidInput("a message's header cannot be read") from error


def message_of(raw: bytes) -> dict[str, Any]:
    """A whole message: its headers, `text` (up to 100,000 characters) and `attachments`. Raises InvalidInput."""
    try:
        message = BytesParser(policy=policy.default).parsebytes(raw)
        return {**_headers(message), "text": _text(message), "attachments": _attachments(message)}
    except _BROKEN as error:
        raise InvalidInput("the message cannot be read") from error


def _headers(message: EmailMessage) -> dict[str, Any]:
    return {
        "from": _addresses(message, "From"),
        "to": _addresses(message, "To"),
        "cc": _addresses(message, "Cc"),
        "reply_to": _addresses(message, "Reply-To"),
        "subject": _value(message, "Subject"),
        "date": _date(_value(message, "Date")),
        "message_id": next(iter(_ID.findall(_value(message, "Message-ID"))), None),
        "in_reply_to": _ID.findall(_value(message, "In-Reply-To"))[:10],
        "references": _ID.findall(_value(message, "References"))[-50:],
    }


def _value(message: EmailMessage, name: str) -> str:
    """A header's text on one line; empty where it is not there or cannot be read."""
    try:
        return clean(" ".join(str(message.get(name, "")).split()))[:2000]
    except _BROKEN:
        return ""


def _addresses(message: EmailMessage, name: str) -> list[dict[str, str]]:
    found = []
    try:
        for header in message.get_all(name, []):
            # Taken apart before its encoded words are decoded: a name cannot become an address.
            found += [(one.display_name, one.addr_spec) for one in getattr(header, "addresses", ())]
    except _BROKEN:
        return []
    kept = [{"name": clean(called)[:300], "address": clean(address)[:320]} for called, address in found]
    return [one for one in kept if "@" in one["address"]][:MAX_ADDRESSES]


def _date(text: str) -> str | None:
    try:
        return parsedate_to_datetime(text).isoformat()
    except _BROKEN:
        return None


def _text(message: EmailMessage) -> str:
    body = message.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    try:
        content = body.get_content()
    except _BROKEN:
        payload = body.get_payload(decode=True)
        content = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""
    text = content if isinstance(content, str) else ""
    if body.get_content_subtype() == "html":
        text = _without_tags(text)
    return clean(text.replace("\r\n", "\n"))[:MAX_TEXT]


def _attachments(message: EmailMessage) -> list[dict[str, Any]]:
    found = []
    for part in message.iter_attachments():
        payload = part.get_payload(decode=True)
        found.append(
            {
                "name": clean(part.get_filename() or "")[:300],
                "type": clean(part.get_content_type())[:100],
                "bytes": len(payload) if isinstance(payload, bytes) else 0,
            }
        )
        if len(found) == MAX_ATTACHMENTS:
            break
    return found


class _Words(HTMLParser):
    """The visible text of HTML, roughly: what a reader would read."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style", "head", "title"}
        if tag in {"br", "p", "div", "tr", "li", "h1", "h2", "h3"}:
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style", "head", "title"} and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def _without_tags(html: str) -> str:
    words = _Words()
    words.feed(html[: 4 * MAX_TEXT])
    words.close()
    lines = (" ".join(line.split()) for line in "".join(words.words).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def clean(text: str) -> str:
    """Text that JSON and Postgres hold: halves of characters and NULs replaced."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")
