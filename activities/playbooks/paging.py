"""Reading through all pages of a search, within bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activities.connectors.base import ConnectionInfo
from activities.connectors.paging import CUT
from activities.playbooks.base import Notes, Reader

PAGE_SIZE = 100
MAX_RECORDS = 2500
MAX_PAGES = 100
"""More than the records need: a page may hold fewer than was asked for, or none, and lead on all the same."""


async def all_pages(
    reader: Reader,
    notes: Notes,
    topic: str,
    connection: ConnectionInfo,
    operation: str,
    arguments: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Every record, each once. Where more were there than were read, the notes say so, and why.

    A provider whose pages lead in a circle, or to nothing that can be asked for, ends the reading: what was read until
    then stays good.
    """
    found: dict[str, dict[str, Any]] = {}
    after, seen = "", set()
    for number in range(1, MAX_PAGES + 1):
        page = notes.read(
            topic, await reader.read(connection, operation, {**arguments, "limit": PAGE_SIZE, "after": after})
        ).facts
        for record in page["results"]:
            found.setdefault(record["id"], record)
        after = page["after"] or ""
        why = page.get(CUT, "")
        # A page may hold more than was asked for: that is the provider's to say, and how much is kept is not.
        if len(found) > MAX_RECORDS or (len(found) == MAX_RECORDS and after):
            total = page.get("total")
            there = f" of the {total:,} that there are" if isinstance(total, int) and total > MAX_RECORDS else ""
            why = f"only the first {MAX_RECORDS:,}{there} were read"
        elif after in seen:
            why = f"the provider's pages lead in a circle, after page {number}"
        elif number == MAX_PAGES and after:
            why = f"reading stopped after {MAX_PAGES} pages, with {len(found):,} found; the provider names ever more"
        if why:
            notes.leave_out(f"further {topic}", why)
            break
        if not after:
            break
        seen.add(after)
    return list(found.values())[:MAX_RECORDS]
