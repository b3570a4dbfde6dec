"""Reads that the gateway carried and attests."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.connections import check_usable
from coco.errors import CocoError, Code, NotFound
from coco.requests import PreparedRequest, ProviderResponse
from store.owned import own
from store.tables import Connection, ReadRow, utc_now

MAX_READS = 5000
"""Per run."""
MAX_BYTES = 200_000_000
"""Per run, of responses as Postgres keeps them."""


async def check_room(session: AsyncSession, run_id: UUID, *, spare: int = 0) -> None:
    """Raises CocoError (TOO_LARGE) where a run has read as much as it may. `spare` reads more are for carrying out
    what was planned, so that planning cannot use them up."""
    kept = (
        await session.execute(
            select(func.count(), func.coalesce(func.sum(func.pg_column_size(ReadRow.response)), 0)).where(
                col(ReadRow.run_id) == run_id
            )
        )
    ).one()
    if kept[0] >= MAX_READS + spare or (not spare and kept[1] >= MAX_BYTES):
        raise CocoError("the run has read as much as a run may", code=Code.TOO_LARGE)


async def keep(
    session: AsyncSession,
    user_id: UUID,
    run_id: UUID,
    connection_id: UUID,
    request: PreparedRequest,
    response: ProviderResponse,
) -> UUID:
    """Keeps what was asked and answered; the id by which a plan refers to it.

    Raises Refused (CONNECTION_UNUSABLE) where the connection lost its rights while the answer was on its way: it is
    not kept. The connection's row is held against that until the transaction ends.
    """
    await usable(session, user_id, connection_id, gated=False, alone=True)
    row = ReadRow(
        user_id=user_id,
        run_id=run_id,
        connection_id=connection_id,
        request=request.as_json(),
        request_digest=request.digest(),
        response=response.model_dump(mode="json"),
        response_digest=response.digest(),
    )
    session.add(row)
    await session.flush()
    await used(session, connection_id)
    return row.id


async def usable(
    session: AsyncSession, user_id: UUID, connection_id: UUID, *, gated: bool, alone: bool = False
) -> None:
    """Raises Refused (CONNECTION_UNUSABLE), NotFound. A change of the connection waits for the transaction's end.

    `alone` for a transaction that goes on to change the row itself: of several that share a row and then want to change
    it, each waits for the others.
    """
    state = (
        await session.execute(
            select(col(Connection.state))
            .where(col(Connection.id) == connection_id, col(Connection.user_id) == user_id)
            .with_for_update(read=not alone, key_share=alone)
        )
    ).scalar_one_or_none()
    if state is None:
        raise NotFound("There is no such connection.")
    check_usable(state, gated=gated)


async def held(session: AsyncSession, user_id: UUID, connection_id: UUID) -> None:
    """Holds a connection's row, for a change of it, until the transaction ends."""
    await own(session, Connection, connection_id, user_id, "connection", lock=True)


async def used(session: AsyncSession, connection_id: UUID) -> None:
    """Notes that a connection was used just now; to the minute, so that reads in a row do not wait for each other."""
    await session.execute(
        update(Connection)
        .where(col(Connection.id) == connection_id)
        .where(text("(last_used_at IS NULL OR last_used_at < now() - interval '1 minute')"))
        .values(last_used_at=utc_now())
    )
