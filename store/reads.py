"""Reads that the gateway carried and attests."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.errors import CocoError, Code
from coco.requests import PreparedRequest, ProviderResponse
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
    """Keeps what was asked and answered; the id by which a plan refers to it."""
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


async def used(session: AsyncSession, connection_id: UUID) -> None:
    """Notes that a connection was used just now; to the minute, so that reads in a row do not wait for each other."""
    await session.execute(
        update(Connection)
        .where(col(Connection.id) == connection_id)
        .where(text("(last_used_at IS NULL OR last_used_at < now() - interval '1 minute')"))
        .values(last_used_at=utc_now())
    )
