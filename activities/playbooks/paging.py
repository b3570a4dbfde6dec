"""Reading through all pages of a search, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.base import ConnectionInfo
from activities.playbooks.base import Notes, Reader
from coco.errors import InvalidInput

MAX_PAGES = 25
PAGE_SIZE = 100
MAX_RECORDS = MAX_PAGES * PAGE_SIZE


async def all_pages(
    reader: Reader,
    notes: Notes,
    topic: str,
    connection: ConnectionInfo,
    operation: str,
    arguments: Mapping[str, Any],
) -> tuple[list[dict[str, Any]], bool]:
    """(every record, whether more were there than may be read), each record once.

    Raises InvalidInput where a provider's cursor leads back to a page that was read.
    """
    found: dict[str, dict[str, Any]] = {}
    after, seen = "", set()
    for _ in range(MAX_PAGES):
        page = notes.read(
            topic, await reader.read(connection, operation, {**arguments, "limit": PAGE_SIZE, "after": after})
        ).facts
        for record in page["results"]:
            found.setdefault(record["id"], record)
        if len(found) > MAX_RECORDS:
            # A page may hold more than was asked for: that is the provider's to say, and how much is kept is not.
            return list(found.values())[:MAX_RECORDS], True
        after = page["after"] or ""
        if not after:
            return list(found.values()), False
        if after in seen:
            raise InvalidInput(f"{operation}: the provider's pages lead in a circle")
        seen.add(after)
    return list(found.values()), True
