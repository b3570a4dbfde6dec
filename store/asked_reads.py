"""Reads that an owner asks for outside of any run.

The API writes the request, made by the connector's own function; the user's sandbox brings the credential; the gateway
carries exactly that request and keeps the answer. The API takes the answer, makes of it what was asked for, and removes
it. Nothing stays: neither what nobody took, nor what was read through a connection that was revoked since.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.connections import check_usable
from coco.errors import NotFound
from coco.requests import PreparedRequest, ProviderResponse
from store import reads
from store.owned import own
from store.tables import Connection, utc_now
from store.tables_asking import AskedRead

Purpose = Literal["proposing", "voice"]

MAX_AGE = timedelta(minutes=5)
"""How long a read waits for the sandbox to bring the credential; a first sandbox takes a while to start."""
KEPT = timedelta(hours=1)
"""How long an answer that nobody took is there, at the longest; the next one asked for removes it."""
TOO_LATE = "It was not read in time: your sandbox did not bring the account's key. Try again."


async def ask(
    session: AsyncSession,
    user_id: UUID,
    connection_id: UUID,
    requests: Sequence[PreparedRequest],
    purpose: Purpose,
    batch: UUID,
) -> None:
    """Asks for these, in this order. Needs the API's role. Raises NotFound, Refused (CONNECTION_UNUSABLE)."""
    row = await own(session, Connection, connection_id, user_id, "connection")
    check_usable(row.state, gated=False)
    old = col(AskedRead.created_at) < utc_now() - KEPT
    await session.execute(delete(AskedRead).where(col(AskedRead.user_id) == user_id, old))
    for position, request in enumerate(requests):
        session.add(
            AskedRead(
                user_id=user_id,
                connection_id=connection_id,
                purpose=purpose,
                batch=batch,
                position=position,
                request=request.as_json(),
                request_digest=request.digest(),
            )
        )
    await session.flush()


async def of_batch(session: AsyncSession, user_id: UUID, batch: UUID) -> list[AskedRead]:
    """In the order in which they were asked for."""
    rows = await session.execute(
        select(AskedRead)
        .where(col(AskedRead.user_id) == user_id, col(AskedRead.batch) == batch)
        .order_by(col(AskedRead.created_at), col(AskedRead.position))
        .execution_options(populate_existing=True)
    )
    return list(rows.scalars())


async def forget(session: AsyncSession, user_id: UUID, batch: UUID) -> None:
    """Removes what was asked for and answered: it was used, or is not wanted any more. Needs the API's role."""
    await session.execute(delete(AskedRead).where(col(AskedRead.user_id) == user_id, col(AskedRead.batch) == batch))


# -- the gateway's -----------------------------------------------------------------------------------------------------


async def pending(session: AsyncSession, user_id: UUID) -> list[AskedRead]:
    """What waits for the sandbox to bring the credential."""
    rows = await session.execute(
        select(AskedRead)
        .where(col(AskedRead.user_id) == user_id, col(AskedRead.state) == "pending")
        .order_by(col(AskedRead.created_at), col(AskedRead.position))
    )
    return list(rows.scalars())


async def to_carry(session: AsyncSession, user_id: UUID, asked_id: UUID) -> tuple[AskedRead, Connection]:
    """A read that waits, and its connection. Raises NotFound where it has ended or is another user's."""
    row = await own(session, AskedRead, asked_id, user_id, "read to carry")
    if row.state != "pending":
        raise NotFound("There is no such read to carry.")
    return row, await own(session, Connection, row.connection_id, user_id, "connection")


async def answered(session: AsyncSession, row: AskedRead, response: ProviderResponse) -> None:
    """Keeps what was answered. Raises Refused (CONNECTION_UNUSABLE) where the connection lost its rights meanwhile."""
    await reads.usable(session, row.user_id, row.connection_id, gated=False, alone=True)
    values = {"response": response.model_dump(mode="json"), "response_digest": response.digest()}
    await _end(session, row, state="answered", **values)
    await reads.used(session, row.connection_id)


async def failed(session: AsyncSession, row: AskedRead, reason: str) -> None:
    """There is no answer, and there will be none."""
    await _end(session, row, state="failed", reason=reason[:500])


async def expire(session: AsyncSession, user_id: UUID) -> None:
    """Ends what has waited for too long."""
    for row in await pending(session, user_id):
        if row.created_at < utc_now() - MAX_AGE:
            await failed(session, row, TOO_LATE)


async def _end(session: AsyncSession, row: AskedRead, **values: object) -> None:
    await session.execute(
        update(AskedRead)
        .where(col(AskedRead.id) == row.id, col(AskedRead.user_id) == row.user_id, col(AskedRead.state) == "pending")
        .values(finished_at=utc_now(), **values)
    )
