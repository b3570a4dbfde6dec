"""The account itself: everything that is kept of it, to take along, for how long, and its deletion."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import StreamingResponse

from api.public import keeping
from api.public.erasing import LAST, delete_account
from api.public.identity import Address, BearerUser
from api.public.parts import Parts, PartsDep
from api.public.rest.models import Given, Told
from api.tokens import Identity
from coco.audit import AuditKind
from coco.retention import MOST_DAYS, Kept, Term
from store import audit, portable, retention

router = APIRouter(tags=["account"])


async def exported(parts: Parts, identity: Identity) -> StreamingResponse:
    """Everything that is kept of a user, as JSON Lines; the export is in the audit before its first byte leaves."""
    async with parts.writing(identity.user_id) as session:
        await audit.append(
            session,
            identity.user_id,
            AuditKind.ACCOUNT_EXPORTED,
            actor=f"user:{identity.user_id}",
            body={"session": str(identity.session_id)},
        )
    return StreamingResponse(
        _lines(parts, identity.user_id),
        media_type="application/x-ndjson",
        headers={"content-disposition": 'attachment; filename="coco-account.jsonl"', "cache-control": "no-store"},
    )


async def _lines(parts: Parts, user_id: UUID) -> AsyncIterator[bytes]:
    async with parts.snapshot(user_id) as session:
        async for table, row in portable.rows(session, user_id):
            yield json.dumps({"table": table, "row": row}, ensure_ascii=False).encode() + b"\n"
        # So that a broken download is not taken for a whole one.
        yield json.dumps({"end": True}).encode() + b"\n"


@router.post("/account/export")
async def export(user: BearerUser, parts: PartsDep) -> StreamingResponse:
    """Everything that is kept of the account, one row a line: `{"table", "row"}`; the last line is `{"end": true}`."""
    return await exported(parts, user)


class TermOut(Told):
    days: int
    """0: until the account is deleted."""
    own: bool
    """Set by the user; otherwise the installation's default."""
    default: int
    least: int
    """The fewest days that can be set."""


class RetentionOut(Told):
    reads: TermOut
    runs: TermOut
    events: TermOut
    audit: TermOut


Days = Annotated[int | None, Field(ge=0, le=MOST_DAYS)]


class RetentionIn(Given):
    """What is not named stays; null goes back to the installation's default, 0 keeps until the account is deleted."""

    reads: Days = None
    runs: Days = None
    events: Days = None
    audit: Days = None
    password: Annotated[str, Field(max_length=1000, repr=False)] = ""
    """Only where the content of audit entries would be kept for less long."""


async def retention_of(parts: Parts, user_id: UUID) -> dict[Kept, Term]:
    """What applies to a user."""
    async with parts.reading(user_id) as session:
        return await retention.terms(session, user_id, parts.settings.retention)


def _retention_out(terms: Mapping[Kept, Term]) -> RetentionOut:
    return RetentionOut.model_validate({kept.value: term.model_dump() for kept, term in terms.items()})


@router.get("/account/retention")
async def get_retention(user: BearerUser, parts: PartsDep) -> RetentionOut:
    """How long what is kept."""
    return _retention_out(await retention_of(parts, user.user_id))


@router.put("/account/retention")
async def set_retention(body: RetentionIn, user: BearerUser, parts: PartsDep, address: Address) -> RetentionOut:
    """Sets how long what is kept. What is past its time by that is removed within the hour, and does not come back.
    A shorter time for audit entries takes the account's `password`."""
    wanted: dict[Kept, int | None] = {
        Kept(name): getattr(body, name) for name in body.model_fields_set if name != "password"
    }
    await keeping.set_retention(parts, user, wanted, password=body.password, address=address)
    return _retention_out(await retention_of(parts, user.user_id))


class Deletion(Given):
    password: Annotated[str, Field(max_length=1000, repr=False)]
    confirm: Annotated[str, Field(max_length=320)]
    """The account's e-mail address, typed: so that nobody deletes another account than the one that is meant."""


class Deleting(Told):
    state: str
    message: str


@router.post("/account/delete", status_code=202)
async def delete(body: Deletion, user: BearerUser, parts: PartsDep, address: Address) -> Deleting:
    """Deletes the account, for good. Every sign-in ends at once; the rest is gone within minutes."""
    await delete_account(parts, user, password=body.password, confirm=body.confirm, address=address)
    return Deleting(state="deleting", message=LAST)
