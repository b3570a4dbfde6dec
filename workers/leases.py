"""Ends the leases whose time is up: the workflow is at approve-each again, also where none of its runs would notice."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import text

from store import trust
from store.database import Database

log = logging.getLogger(__name__)

POLL_SECONDS = 15.0


class LeaseKeeper:
    """Runs beside the worker. Several may run: a lease ends once, whoever ends it. Nothing rests on it being on time,
    since no grant is minted under a lease whose time is up."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def run(self) -> None:
        """Until cancelled. A failure of Postgres is logged and tried again."""
        while True:
            try:
                await self.end_expired()
            except Exception:
                log.exception("expired leases could not be ended; trying again")
            await asyncio.sleep(POLL_SECONDS)

    async def end_expired(self) -> int:
        """Takes back every workflow whose lease has expired; how many there were."""
        async with self._db.system() as session:
            rows = (await session.execute(text("SELECT user_id, workflow_id FROM coco_expired_leases()"))).all()
        ended = 0
        for row in rows:
            async with self._db.user(row.user_id) as session:
                reason = trust.EXPIRED
                ended += await trust.take_back(session, row.user_id, row.workflow_id, reason, actor="system")
        return ended
