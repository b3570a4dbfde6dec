"""Removes what is past its time, for everybody, every quarter of an hour."""

from __future__ import annotations

import asyncio
import logging

from coco.settings import Settings
from store import retention
from store.database import Database

log = logging.getLogger(__name__)

SWEEP_SECONDS = 900.0


async def sweep(database: Database, defaults: retention.Defaults) -> int:
    """Removes what is past its time now; of how many people. Any number of workers may. Needs the control role."""
    async with database.system() as session:
        due = await retention.due(session, defaults)
    done = 0
    for user_id in due:
        try:
            async with database.user(user_id) as session:
                await retention.trim(session, defaults)
            more = 1
            while more:
                async with database.user(user_id) as session:
                    more = await retention.expire_entries(session, user_id, defaults)
            done += 1
        except Exception:
            # One person's trouble holds up nobody else's.
            log.exception("what user %s keeps no longer is not removed yet; trying again", user_id)
    return done


async def keep_sweeping(database: Database, settings: Settings) -> None:
    """Until cancelled."""
    defaults = settings.retention
    while True:
        try:
            done = await sweep(database, defaults)
            if done:
                log.info("removed what was past its time of %d people", done)
        except Exception:
            log.exception("what is past its time could not be removed; trying again")
        await asyncio.sleep(SWEEP_SECONDS)
