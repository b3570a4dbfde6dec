"""Reminds people of old keys: once a quarter for each, as an event of theirs, which the inbox shows."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from uuid import UUID

from sqlalchemy import text, update
from sqlmodel import col

from coco.connections import OLD_KEY, key_age_days
from store import events
from store.connections import is_old_key
from store.database import Database
from store.owned import own
from store.tables import Connection, utc_now

log = logging.getLogger(__name__)

SWEEP_SECONDS = 3600.0


async def remind(database: Database, now: datetime) -> int:
    """Tells everybody whose key is old and who was not told in this quarter; how many were. Needs the control role."""
    async with database.system() as session:
        found = await session.execute(
            text("SELECT user_id, connection_id FROM coco_old_keys(:older)"), {"older": now - OLD_KEY}
        )
        due: list[tuple[UUID, UUID]] = [(row.user_id, row.connection_id) for row in found]
    told = 0
    for user_id, connection_id in due:
        async with database.user(user_id) as session:
            row = await own(session, Connection, connection_id, user_id, "connection", lock=True)
            # Another worker may have been here, or the key was replaced.
            if not is_old_key(row, now) or (row.reminded_at is not None and row.reminded_at >= now - OLD_KEY):
                continue
            await session.execute(update(Connection).where(col(Connection.id) == row.id).values(reminded_at=now))
            body = {"id": str(row.id), "title": row.title, "age_days": key_age_days(row.credential_set_at, now)}
            await events.tell(session, user_id, "old_key", body=body)
            told += 1
    return told


async def keep_reminding(database: Database) -> None:
    """Until cancelled."""
    while True:
        try:
            told = await remind(database, utc_now())
            if told:
                log.info("%d people were reminded of an old key", told)
        except Exception:
            log.exception("reminding of old keys failed; trying again")
        await asyncio.sleep(SWEEP_SECONDS)
