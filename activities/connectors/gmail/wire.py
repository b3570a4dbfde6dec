"""Paths of the Gmail API v1, always of the account that the credential is of; and lists as it answers them."""

from __future__ import annotations

from typing import Any

from activities.connectors.http import object_of, segment, text_or_none, whole_number
from coco.errors import InvalidInput
from coco.requests import ProviderResponse

USER = "/gmail/v1/users/me"
MESSAGES = f"{USER}/messages"
MESSAGE_PATH = f"{MESSAGES}/{{id}}"
SEND = f"{MESSAGES}/send"
THREADS = f"{USER}/threads"
THREAD_PATH = f"{THREADS}/{{id}}"
DRAFTS = f"{USER}/drafts"
DRAFT_PATH = f"{DRAFTS}/{{id}}"


def item(collection: str, item_id: str) -> str:
    return f"{collection}/{segment(item_id)}"


def page_of(response: ProviderResponse, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(entries, `{after, total}`) of a list; Gmail leaves an empty one out, and its total is a guess. Raises
    InvalidInput."""
    value = object_of(response, "a page")
    entries = value.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InvalidInput(f"Gmail answered {name} that cannot be read")
    after, total = text_or_none(value.get("nextPageToken")), whole_number(value.get("resultSizeEstimate"))
    return entries, {"after": after, "total": total}
