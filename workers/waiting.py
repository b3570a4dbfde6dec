"""Keeps people told of cards that wait: reminders on their own terms, and escalation within a team. Decides nothing."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from store import escalations, reminders
from store.database import Database
from store.tables import utc_now

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60.0


async def sweep(database: Database, now: datetime) -> tuple[int, int]:
    """(reminders sent, cards put before somebody) by what is due now. Any number of workers may; needs the control
    role. What a worker that died had not committed is due still, and what it had is not."""
    async with database.system() as session:
        await escalations.end_decided(session)
        owners = await escalations.due_owners(session)
        people = await reminders.due_people(session, now)
    escalated = await _each(database, owners, escalations.escalate)
    reminded = await _each(database, people, lambda session, person: reminders.remind(session, person, now))
    return reminded, escalated


async def keep_telling(database: Database) -> None:
    """Until cancelled."""
    while True:
        try:
            reminded, escalated = await sweep(database, utc_now())
            if reminded or escalated:
                log.info("%d reminders of waiting cards, %d put before somebody else", reminded, escalated)
        except Exception:
            log.exception("waiting cards could not be told of; trying again")
        await asyncio.sleep(SWEEP_SECONDS)


async def _each(database: Database, people: list[UUID], work: Callable[[AsyncSession, UUID], Awaitable[int]]) -> int:
    done = 0
    for person in people:
        try:
            async with database.user(person) as session:
                done += await work(session, person)
        except Exception:
            # One person's trouble holds up nobody else's.
            log.exception("user %s could not be told of what waits; trying again", person)
    return done
