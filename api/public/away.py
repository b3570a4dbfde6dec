"""What forms and calls say about being away, as the domain takes it: the same for REST and the pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from api.public.parts import Parts
from coco.errors import InvalidInput
from coco.reminders import ReminderTerms
from store import delegations, teams
from store.tables import DelegationRow


def checked_terms(given: Mapping[str, Any]) -> ReminderTerms:
    """Terms of reminders. Raises InvalidInput, which names the field."""
    try:
        return ReminderTerms.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "quiet_from"
        raise InvalidInput(f"{where}: {first['msg'].removeprefix('Value error, ')}") from error


def span(first: str, last: str, zone: str, now: datetime) -> tuple[datetime, datetime]:
    """From the beginning of a day, or now, to the end of another, in a time zone. Empty or past `first` is now.

    Raises InvalidInput.
    """
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput("zone: an IANA time zone, such as Europe/Berlin") from error
    try:
        begins = date.fromisoformat(first) if first.strip() else None
        ends = date.fromisoformat(last)
        after = ends + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise InvalidInput("until: a day, such as 2026-08-31") from error
    end = datetime(after.year, after.month, after.day, tzinfo=here)
    start = datetime(begins.year, begins.month, begins.day, tzinfo=here) if begins else now
    return max(start, now), end


@dataclass(frozen=True)
class StandIns:
    """For whom somebody may approve beside themselves, now."""

    running: list[tuple[DelegationRow, str]]
    """Each with the name of who gave it."""

    def of(self, team_id: UUID, workflow_id: UUID) -> list[tuple[str, str]]:
        """(delegation, for whom) on a workflow that is shared with a team."""
        return [
            (str(row.id), name)
            for row, name in self.running
            if row.team_id == team_id and (row.workflows is None or str(workflow_id) in row.workflows)
        ]


async def stand_ins(parts: Parts, user_id: UUID) -> StandIns:
    """By the delegations to somebody that run now."""
    found = []
    async with parts.reading(user_id) as session:
        for row in await delegations.running(session, user_id):
            people = {one.user_id: one.name or one.email for one in await teams.members(session, row.team_id)}
            if row.user_id in people:
                found.append((row, people[row.user_id]))
    return StandIns(found)
