"""The account itself: everything that is kept of it, to take along, and its deletion."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import StreamingResponse

from api.public.erasing import LAST, delete_account
from api.public.identity import Address, BearerUser
from api.public.parts import Parts, PartsDep
from api.public.rest.models import Given, Told
from api.tokens import Identity
from coco.audit import AuditKind
from store import audit, portable

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
