"""Audit entries as files: JSON Lines and CSV in the order and filter of the feed, and the whole signed chain.

Each export is an audit entry of its own, written before the first byte. Files are streamed: a few hundred entries are
in memory at a time, whatever their number.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID

from starlette.responses import StreamingResponse

from api.public.parts import Parts
from coco.errors import CocoError, Code, Conflict, InvalidInput
from store import audit_checkpoints, audit_export, feed
from store.feed import Filter
from store.tables import AuditCheckpoint
from store.views import ActivityView

Form = Literal["jsonl", "csv", "chain"]
MEDIA = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8", "chain": "application/x-ndjson"}
SIGNED_WITHIN = 20.0
"""Seconds to wait for the control worker's signature."""
_AGAIN = 0.1

COLUMNS = (
    "entry", "at", "kind", "by", "workflow", "run", "action", "connection", "operation", "summary", "record", "before",
    "after", "message", "credits", "reason", "outcome", "hash", "everything",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


async def export(parts: Parts, user_id: UUID, form: Form, wanted: Filter) -> StreamingResponse:
    """A file of the entries up to now. Raises InvalidInput, and for a chain Conflict or CocoError (UNAVAILABLE)."""
    if form == "chain" and not wanted.is_empty:
        raise InvalidInput("A signed chain is whole or it proves nothing: export it without a filter.")
    feed.check(wanted)
    async with parts.writing(user_id) as session:
        up_to = await audit_export.note(session, user_id, {"form": form, "filter": wanted.told()})
    if form == "chain":
        closing = await _signed(parts, user_id, up_to)
        content = audit_export.lines(lambda: parts.reading(user_id), user_id, closing)
        name = f"coco-audit-{user_id}-{closing.seq}.jsonl"
    else:
        entries = feed.everything(lambda: parts.reading(user_id), user_id, wanted, up_to=up_to)
        content = _json_lines(entries) if form == "jsonl" else _csv(entries)
        name = f"coco-activity-{up_to}.{form}"
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return StreamingResponse(content, media_type=MEDIA[form], headers=headers)


async def _signed(parts: Parts, user_id: UUID, up_to: int) -> AuditCheckpoint:
    """The checkpoint that closes an export; the control worker makes it, for the API has no key to sign with."""
    waited = 0.0
    while True:
        async with parts.reading(user_id) as session:
            found = await audit_checkpoints.covering(session, user_id, up_to)
            problem = await audit_checkpoints.problem_of(session, user_id)
        if found is not None:
            return found
        if problem:
            raise Conflict(
                f"Your chain does not hold, so it was not signed: {problem}. Tell who runs this installation."
            )
        if waited >= SIGNED_WITHIN:
            raise CocoError("The chain was not signed in time; try again in a moment.", code=Code.UNAVAILABLE)
        await asyncio.sleep(_AGAIN)
        waited += _AGAIN


async def _json_lines(entries: AsyncIterator[ActivityView]) -> AsyncIterator[bytes]:
    async for entry in entries:
        yield entry.model_dump_json().encode() + b"\n"


async def _csv(entries: AsyncIterator[ActivityView]) -> AsyncIterator[bytes]:
    yield _line(COLUMNS)
    async for entry in entries:
        yield _line(cells(entry))


def _line(values: Any) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(values)
    return out.getvalue().encode()


def cells(entry: ActivityView) -> list[str]:
    """One row, in the order of COLUMNS; nested values as JSON."""
    body = entry.body
    told = body.get("credits")
    paid = told.get("total", 0) if isinstance(told, dict) else 0
    return [
        harmless(_text(value))
        for value in (
            entry.seq,
            entry.at.isoformat(),
            entry.kind,
            entry.actor,
            body.get("workflow"),
            entry.run_id,
            entry.action_id,
            body.get("connection"),
            body.get("operation"),
            body.get("summary") or body.get("title"),
            body.get("record"),
            body.get("before"),
            body.get("after"),
            body.get("message"),
            paid,
            body.get("reason"),
            body.get("outcome"),
            entry.hash,
            body,
        )
    ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else str(value)


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before what could begin one."""
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(_FORMULA) or text.startswith(("'", "\ufeff")) else text
