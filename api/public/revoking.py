"""Taking a connection's rights away. The same for the REST API and the pages."""

from __future__ import annotations

import logging
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from api.public.parts import Parts
from store import connections, revoking
from store.tables import Connection

log = logging.getLogger("coco.api")


async def set_state(parts: Parts, user_id: UUID, connection_id: UUID, state: connections.State) -> Connection:
    """Makes a connection active, read-only or revoked. Raises NotFound, Conflict.

    Returns, where rights were taken away, when nothing leaves by them any more; a revocation also when what was read
    is removed from the database. What cannot be had in time (a sending that hangs) the control worker sees through.
    """
    async with parts.writing(user_id) as session:
        row = await connections.set_state(session, user_id, connection_id, state)
        open_runs = await revoking.dependents(session, user_id, connection_id)
    _wake(parts, user_id, open_runs)
    if state == "active":
        return row
    try:
        async with parts.writing(user_id) as session:
            await revoking.has_left(session, connection_id, 2 * parts.settings.request_timeout_seconds + 5)
            if state == "revoked":
                await revoking.purge(session, user_id, connection_id, actor=f"user:{user_id}")
        # What was removed may have been all that a run waited with.
        _wake(parts, user_id, open_runs)
    except DBAPIError as error:
        log.warning("connection %s: the rest is left to the control worker: %s", connection_id, error.orig)
    async with parts.reading(user_id) as session:
        return await connections.get(session, user_id, connection_id)


def _wake(parts: Parts, user_id: UUID, run_ids: list[UUID]) -> None:
    for run_id in run_ids:
        parts.waker.wake(user_id, run_id)
