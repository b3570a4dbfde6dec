"""Budgets: the most that a workflow, or everything of a user, may use in a period; and where all are compared.

A team's own are kept in store.team_budgets.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.audit import AuditKind
from coco.credits import MAX_TOP_UP, Period, started, within_budget
from coco.errors import InvalidInput, NotFound
from store import audit, runs, team_budgets
from store.owned import own
from store.tables import CreditBudget, Workflow
from store.tables_teams import TeamBudget

_COMMITTED = text(
    """
    SELECT coalesce(sum(CASE closed.kind
             WHEN 'release' THEN 0
             WHEN 'settle' THEN coalesce((SELECT p.amount FROM ledger_postings p
                                           WHERE p.transaction_id = closed.id AND p.account = 'used'), 0)
             ELSE coalesce((SELECT p.amount FROM ledger_postings p
                             WHERE p.transaction_id = r.id AND p.account = 'reserved'), 0) END), 0)
      FROM ledger_transactions r
      LEFT JOIN ledger_transactions closed
        ON closed.user_id = r.user_id AND closed.ref = r.ref AND closed.kind IN ('settle', 'release')
     WHERE r.user_id = :u AND r.kind = 'reserve'
       AND (CAST(:w AS uuid) IS NULL OR r.workflow_id = CAST(:w AS uuid))
       AND (CAST(:since AS timestamptz) IS NULL OR r.at >= CAST(:since AS timestamptz))
    """
)
"""What was reserved since a moment and has not come back: at its cost where that is known, else at its estimate."""


async def committed(
    session: AsyncSession, user_id: UUID, workflow_id: UUID | None, period: Period, now: datetime
) -> int:
    """Credits used or set aside in the period that `now` is in."""
    values = {"u": user_id, "w": workflow_id, "since": started(period, now)}
    return int((await session.execute(_COMMITTED, values)).scalar_one())


async def check(session: AsyncSession, user_id: UUID, workflow_id: UUID, cost: int, now: datetime) -> None:
    """Raises Refused (CREDITS) where `cost` would break a budget. The caller holds the lock on the account."""
    if cost == 0:
        return
    await team_budgets.hold(session, workflow_id)
    for row, used in await binding(session, user_id, workflow_id, now):
        compare(row, used, cost)


async def binding(
    session: AsyncSession, user_id: UUID, workflow_id: UUID, now: datetime
) -> list[tuple[CreditBudget | TeamBudget, int]]:
    """Every budget that a user's workflow is under, its team's too, with what is committed of each."""
    own_ones = await standing(session, user_id, now, of=workflow_id)
    return [*own_ones, *await team_budgets.binding(session, workflow_id, now)]


def compare(row: CreditBudget | TeamBudget, used: int, cost: int) -> None:
    """Raises Refused (CREDITS) where `cost` on top of what is `used` or set aside would break the budget."""
    if isinstance(row, TeamBudget):
        whose = "All workflows shared with this team"
    else:
        whose = "All workflows together" if row.workflow_id is None else "This workflow"
    within_budget(used, cost, row.credits, whose, Period(row.period))


async def listed(session: AsyncSession, user_id: UUID) -> list[CreditBudget]:
    """A user's budgets: those for everything first."""
    rows = await session.execute(
        select(CreditBudget)
        .where(col(CreditBudget.user_id) == user_id)
        .order_by(col(CreditBudget.workflow_id).nulls_first(), col(CreditBudget.period))
    )
    return list(rows.scalars())


async def standing(
    session: AsyncSession, user_id: UUID, now: datetime, *, of: UUID | None = None
) -> list[tuple[CreditBudget, int]]:
    """A user's budgets with what is committed of each in the period that `now` is in; only those that bind the
    workflow `of`, where one is given."""
    return [
        (row, await committed(session, user_id, row.workflow_id, Period(row.period), now))
        for row in await listed(session, user_id)
        if of is None or row.workflow_id in {None, of}
    ]


async def put(
    session: AsyncSession, user_id: UUID, workflow_id: UUID | None, period: Period, most: int
) -> CreditBudget:
    """Sets a budget, or changes it. Raises InvalidInput, NotFound for a workflow that is not the user's."""
    if not 0 <= most <= MAX_TOP_UP:
        raise InvalidInput(f"credits: between 0 and {MAX_TOP_UP:,}")
    if workflow_id is not None:
        await own(session, Workflow, workflow_id, user_id, "workflow")
    found = await session.execute(
        select(CreditBudget)
        .where(col(CreditBudget.user_id) == user_id, col(CreditBudget.period) == period.value)
        .where(col(CreditBudget.workflow_id).is_not_distinct_from(workflow_id))
        .with_for_update()
    )
    row = found.scalar_one_or_none()
    before = row.credits if row else None
    if row is None:
        row = CreditBudget(user_id=user_id, workflow_id=workflow_id, period=period.value, credits=most)
        session.add(row)
    row.credits = most
    await session.flush()
    if before != most:
        await _note(session, row, before, most)
        await runs.look_again(session, user_id)
    return row


async def remove(session: AsyncSession, user_id: UUID, budget_id: UUID) -> None:
    """Takes a budget away. Raises NotFound."""
    row = await session.get(CreditBudget, budget_id)
    if row is None or row.user_id != user_id:
        raise NotFound("There is no such budget.")
    await session.execute(
        delete(CreditBudget).where(col(CreditBudget.id) == budget_id, col(CreditBudget.user_id) == user_id)
    )
    await _note(session, row, row.credits, None)
    await runs.look_again(session, user_id)


async def _note(session: AsyncSession, row: CreditBudget, before: int | None, after: int | None) -> None:
    await audit.append(
        session,
        row.user_id,
        AuditKind.BUDGET_CHANGED,
        actor=f"user:{row.user_id}",
        body={
            "workflow": str(row.workflow_id) if row.workflow_id else None,
            "period": row.period,
            "credits": {"from": before, "to": after},
        },
    )
