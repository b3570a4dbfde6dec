"""Budgets of teams: the most that all workflows shared with one may use together, whoever's credits they are."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.credits import MAX_TOP_UP, Period, started
from coco.errors import InvalidInput, NotFound
from coco.teams import Permission
from store import locks, teams
from store.tables import Workflow
from store.tables_teams import TeamBudget

PERIODS = (Period.DAY, Period.MONTH)


async def listed(session: AsyncSession, user_id: UUID, team_id: UUID, now: datetime) -> list[tuple[TeamBudget, int]]:
    """A team's budgets, each with what is used or set aside of it in the period that `now` is in.

    Raises NotFound where the person is not in the team.
    """
    await teams.require(session, team_id, user_id, Permission.SEE)
    return await _standing(session, team_id, now)


async def binding(session: AsyncSession, workflow_id: UUID, now: datetime) -> list[tuple[TeamBudget, int]]:
    """The budgets of the team that a workflow of the session's user is shared with; none where it is not."""
    team_id = await _team_of(session, workflow_id)
    return [] if team_id is None else await _standing(session, team_id, now)


async def hold(session: AsyncSession, workflow_id: UUID) -> None:
    """Holds the budgets of the workflow's team until the transaction ends: the accounts of several people reserve from
    them. Call it with the lock on the account held already, as everybody does, so that nobody waits in a circle."""
    team_id = await _team_of(session, workflow_id)
    if team_id is not None:
        await locks.until_commit(session, f"team_credits:{team_id}")


async def put(session: AsyncSession, user_id: UUID, team_id: UUID, period: Period, most: int | None) -> None:
    """Sets a budget, or takes it away with None; the same one again changes nothing. Needs the API's role.

    Raises InvalidInput, NotFound, Refused (FORBIDDEN) for who does not manage the team.
    """
    if period not in PERIODS:
        raise InvalidInput("period: a team's budget is for a day or a month")
    if most is not None and not 0 <= most <= MAX_TOP_UP:
        raise InvalidInput(f"credits: between 0 and {MAX_TOP_UP:,}")
    await teams.require(session, team_id, user_id, Permission.MANAGE)
    before = await teams.ask(
        session, "coco_team_budget(:team, :period, CAST(:most AS integer))", team=team_id, period=period, most=most
    )
    if before is None and most is None:
        raise NotFound("There is no such budget.")
    if before != most:
        body = {"team": str(team_id), "period": period.value, "credits": {"from": before, "to": most}}
        await teams.tell(session, user_id, AuditKind.TEAM_BUDGET_CHANGED, body)


async def _team_of(session: AsyncSession, workflow_id: UUID) -> UUID | None:
    found = await session.execute(select(col(Workflow.team_id)).where(col(Workflow.id) == workflow_id))
    return found.scalar_one_or_none()


async def _standing(session: AsyncSession, team_id: UUID, now: datetime) -> list[tuple[TeamBudget, int]]:
    rows = await session.execute(
        select(TeamBudget)
        .where(col(TeamBudget.team_id) == team_id)
        .order_by(col(TeamBudget.period))
        .execution_options(populate_existing=True)
    )
    standing = []
    for row in rows.scalars().all():
        used = await session.execute(
            text("SELECT coco_team_committed(:team, :since)"),
            {"team": team_id, "since": started(Period(row.period), now)},
        )
        standing.append((row, int(used.scalar_one())))
    return standing
