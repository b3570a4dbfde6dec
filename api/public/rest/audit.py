"""The audit record: the feed with its filters, exports, and what proves that nothing was changed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, ValidationError
from starlette.responses import StreamingResponse

from api.public import reviewing
from api.public.audit_files import Form, export
from api.public.identity import BearerUser
from api.public.parts import PartsDep
from api.public.rest.models import Cursor, Given, Limit, Told
from coco.audit import AuditKind
from coco.errors import InvalidInput
from store import audit_checkpoints, audit_export, feed, views
from store.feed import MOST_CREDITS, Filter

router = APIRouter(tags=["audit"])


class ExportIn(Given):
    form: Form
    """`jsonl`, `csv`: the entries of the filter, newest first. `chain`: all entries with signatures, oldest first."""
    filter: Annotated[dict[str, Any], Field(max_length=20)] = {}
    """As the parameters of `GET /activity`."""


class CheckpointOut(Told):
    """A signed statement: at that time, entry `seq` was the newest and had this hash. Keep `line` elsewhere."""

    number: int
    seq: int
    hash: str
    at: datetime
    reason: str
    key_id: str
    line: str


class KeyOut(Told):
    """A public key that checkpoints of this account were signed with. `id` is its fingerprint."""

    id: str
    pem: str


@router.get("/activity")
async def activity(
    user: BearerUser,
    parts: PartsDep,
    q: Annotated[str, Query(max_length=200)] = "",
    person: Annotated[str, Query(max_length=200)] = "",
    workflow: Annotated[UUID | None, Query()] = None,
    run_id: Annotated[UUID | None, Query()] = None,
    connection: Annotated[UUID | None, Query()] = None,
    operation: Annotated[str, Query(max_length=200)] = "",
    kind: Annotated[AuditKind | None, Query()] = None,
    state: Annotated[str, Query(max_length=40)] = "",
    since: Annotated[datetime | None, Query()] = None,
    until: Annotated[datetime | None, Query()] = None,
    cost_from: Annotated[int, Query(ge=0, le=MOST_CREDITS)] = 0,
    cost_to: Annotated[int | None, Query(ge=0, le=MOST_CREDITS)] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> views.Page[views.ActivityView]:
    """The audit entries, newest first; each parameter narrows."""
    wanted = Filter(
        q=q, person=person, workflow=workflow, run=run_id, connection=connection, operation=operation, kind=kind,
        state=state, since=since, until=until, cost_from=cost_from, cost_to=cost_to,
    )  # fmt: skip
    async with parts.reading(user.user_id) as session:
        return await feed.page(session, user.user_id, wanted, cursor=cursor, limit=limit)


class UndoOut(Told):
    """The run with the one action that takes another back; it waits for approval, and nothing has changed yet."""

    run_id: UUID


@router.post("/actions/{action_id}/undo", status_code=201)
async def undo(user: BearerUser, parts: PartsDep, action_id: UUID) -> UndoOut:
    """Proposes what takes an action that was carried out back. A message that was sent cannot be taken back."""
    return UndoOut(run_id=await reviewing.undo(parts, user.user_id, action_id))


@router.post("/audit/exports", response_class=StreamingResponse)
async def make_export(user: BearerUser, parts: PartsDep, asked: ExportIn) -> StreamingResponse:
    """Streams a file of entries. It is a POST because the export is an entry itself."""
    given = dict(asked.filter)
    if "run_id" in given:
        given["run"] = given.pop("run_id")
    try:
        wanted = Filter.model_validate(given)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise InvalidInput(f"filter.{where}: {error.errors()[0]['msg']}") from error
    return await export(parts, user.user_id, asked.form, wanted)


@router.get("/audit/checkpoints")
async def checkpoints(
    user: BearerUser, parts: PartsDep, cursor: Cursor = None, limit: Limit = 50
) -> views.Page[CheckpointOut]:
    """The checkpoints of this account's chain, oldest first."""
    if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 18):
        raise InvalidInput("cursor: give back the `next` of the page before")
    async with parts.reading(user.user_id) as session:
        rows = await audit_checkpoints.listed(session, user.user_id, after=int(cursor or 0), limit=limit + 1)
    items = [
        CheckpointOut(
            **row.model_dump(include={"number", "seq", "hash", "at", "reason", "key_id"}),
            line=audit_export.checkpoint_line(row).decode().rstrip("\n"),
        )
        for row in rows[:limit]
    ]
    return views.Page(items=items, next=str(items[-1].number) if len(rows) > limit else None)


@router.get("/audit/keys")
async def keys(user: BearerUser, parts: PartsDep) -> list[KeyOut]:
    """The public keys behind the checkpoints; compare their ids with those that the operator publishes."""
    async with parts.reading(user.user_id) as session:
        found = await audit_checkpoints.keys(session, user.user_id)
    return [KeyOut(id=key, pem=pem) for key, pem in found.items()]
