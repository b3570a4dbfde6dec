"""Reminders of waiting cards: on whose terms, which were sent, and sending those that are due.

A reminder is a row and, in the same transaction, an event of its person, which their inbox and open pages show. So a
worker that dies in between has reminded of nothing, and the next sweep does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.reminders import LEAST_WAIT, ReminderTerms, is_due
from store import events, locks
from store.tables import utc_now
from store.tables_teams import Reminder, ReminderSettings

_FIELDS = ("first_hours", "again_hours", "quiet_from", "quiet_until", "zone")


class WaitingCard(NamedTuple):
    """A run that waits for somebody."""

    run_id: UUID
    owner_id: UUID
    team_id: UUID | None
    """Where it is somebody else's: the team that shows it."""
    title: str
    """Its workflow's."""
    since: datetime
    reminded: int = 0
    """How many times since it waits."""
    reminded_at: datetime | None = None

    @property
    def link(self) -> str:
        return f"/teams/{self.team_id}/runs/{self.run_id}" if self.team_id else f"/runs/{self.run_id}"


async def terms_of(session: AsyncSession, user_id: UUID) -> ReminderTerms:
    """What a person set, or the defaults."""
    row = await session.get(ReminderSettings, user_id, populate_existing=True)
    if row is None:
        return ReminderTerms()
    return ReminderTerms(on=row.is_on, **{name: getattr(row, name) for name in _FIELDS})


async def set_terms(session: AsyncSession, user_id: UUID, terms: ReminderTerms) -> None:
    """Sets them; from now on they count. Needs the API's role."""
    values: dict[str, Any] = {"is_on": terms.on, "updated_at": utc_now()}
    values |= {name: getattr(terms, name) for name in _FIELDS}
    statement = insert(ReminderSettings).values(user_id=user_id, **values)
    await session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))


async def waiting(session: AsyncSession, user_id: UUID) -> list[WaitingCard]:
    """What waits for a person, the longest-waiting first, with the reminders of it. Needs the API's role."""
    rows = await session.execute(text("SELECT * FROM coco_my_waiting_cards() ORDER BY since, run_id"))
    cards = [WaitingCard(**row) for row in rows.mappings()]
    sent = await _sent(session, user_id, [card.run_id for card in cards])
    told = []
    for card in cards:
        times = [at for at in sent.get(card.run_id, []) if at >= card.since]
        told.append(card._replace(reminded=len(times), reminded_at=max(times, default=None)))
    return told


async def due_people(session: AsyncSession, now: datetime) -> list[UUID]:
    """Who may be due a reminder; whether they are, `remind` says. Needs the control role, and no user."""
    rows = await session.execute(text("SELECT coco_reminders_due(:now)"), {"now": now})
    return list(rows.scalars())


async def remind(session: AsyncSession, user_id: UUID, now: datetime) -> int:
    """Reminds a person of what is due by their terms; of how many cards. Needs the control role, in their session.

    Several workers may: one waits for the other, and then finds nothing due.
    """
    await locks.until_commit(session, f"remind:{user_id}")
    terms = await terms_of(session, user_id)
    rows = await session.execute(
        text(
            "SELECT run_id, owner_id, team_id, title, since FROM coco_waiting_cards(:before, :person) "
            "ORDER BY since, run_id"
        ),
        {"before": now - LEAST_WAIT, "person": user_id},
    )
    cards = [WaitingCard(**row) for row in rows.mappings()]
    sent = await _sent(session, user_id, [card.run_id for card in cards])
    told = 0
    for card in cards:
        before = sent.get(card.run_id, [])
        if not is_due(terms, card.since, before, now):
            continue
        await session.execute(
            insert(Reminder).values(
                user_id=user_id, run_id=card.run_id, number=len(before) + 1, since=card.since, at=now
            )
        )
        body = {"run": str(card.run_id), "title": card.title, "link": card.link, "since": card.since.isoformat()}
        body["number"] = str(1 + sum(at >= card.since for at in before))
        own = card.run_id if card.owner_id == user_id else None
        await events.tell(session, user_id, "reminder", run_id=own, body=body)
        told += 1
    return told


async def _sent(session: AsyncSession, user_id: UUID, run_ids: list[UUID]) -> dict[UUID, list[datetime]]:
    rows = await session.execute(
        select(col(Reminder.run_id), func.array_agg(col(Reminder.at)))
        .where(col(Reminder.user_id) == user_id, col(Reminder.run_id).in_(run_ids))
        .group_by(col(Reminder.run_id))
    )
    return {run_id: list(times) for run_id, times in rows}
