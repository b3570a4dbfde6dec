"""The audit entries of a team: everything that is, or was, done by shared workflows while they were, and the team's own
events. With the same detail as in the chains that they are read from (store.migrations.team_audit)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from coco.audit import AuditKind
from coco.errors import InvalidInput
from coco.teams import Permission
from coco.tiers import Feature
from store import teams, tiers
from store.tables import AuditRow
from store.views import ActivityView, Page, activity_view

_FIND = text(
    "SELECT user_id, seq, at, kind, actor, run_id, action_id, body, prev_hash, hash, once "
    "FROM coco_team_audit(:team, :member, :workflow, :run, :kind, :since, :until, :at, :user, :seq, :wanted)"
)


class TeamFilter(BaseModel):
    """Which entries; every part narrows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    member: UUID | None = None
    """In whose chain it is, or who did it."""
    workflow: UUID | None = None
    run: UUID | None = None
    kind: AuditKind | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Entries before this moment."""


class TeamEntry(ActivityView):
    """One entry, with whose chain it is in: `seq` and `hash` are that chain's."""

    user_id: UUID


async def page(
    session: AsyncSession,
    user_id: UUID,
    team_id: UUID,
    wanted: TeamFilter,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[TeamEntry]:
    """One page, newest first.

    Raises NotFound for a team that the person is not in, Refused (FORBIDDEN, TIER), InvalidInput for a cursor that was
    not given out.
    """
    await teams.require(session, team_id, user_id, Permission.AUDIT)
    await tiers.check_team_feature(session, team_id, Feature.ADMIN_AUDIT)
    at, user, seq = _from_cursor(cursor)
    values: dict[str, Any] = {"team": team_id, "at": at, "user": user, "seq": seq, "wanted": limit + 1}
    values |= {"member": wanted.member, "workflow": wanted.workflow, "run": wanted.run}
    values |= {"kind": wanted.kind.value if wanted.kind else None}
    values |= {"since": _moment(wanted.since), "until": _moment(wanted.until)}
    rows = (await session.execute(select(AuditRow).from_statement(_FIND), values)).scalars().all()
    items = [TeamEntry(user_id=row.user_id, **activity_view(row).model_dump()) for row in rows[:limit]]
    return Page(items=items, next=_cursor(items[-1]) if len(rows) > limit else None)


def _cursor(entry: TeamEntry) -> str:
    return f"{entry.at.astimezone(UTC).isoformat()}~{entry.user_id}~{entry.seq}"


def _from_cursor(cursor: str | None) -> tuple[datetime | None, UUID | None, int | None]:
    if cursor is None:
        return None, None, None
    try:
        at, user, seq = cursor.split("~")
        number = int(seq)
        if not 0 < number < 2**62:
            raise ValueError(seq)
        moment = datetime.fromisoformat(at)
        return moment.replace(tzinfo=moment.tzinfo or UTC), UUID(user), number
    except ValueError as error:
        raise InvalidInput("cursor: give back the `next` of the page before") from error


def _moment(value: datetime | None) -> datetime | None:
    """A time without a zone is UTC."""
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
