"""What credits were used for: by day, by workflow, by item."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from coco.credits import LedgerAccount, LedgerKind
from store.tables import LedgerPosting, LedgerTransaction, Workflow

MAX_DAYS = 366


class DayUsage(BaseModel):
    """Credits used on one day of UTC."""

    day: date
    credits: int


class PartUsage(BaseModel):
    """Credits used for one workflow or one kind of item."""

    id: UUID | None = None
    title: str
    credits: int


class UsageView(BaseModel):
    """The last `days` days, today included."""

    total: int
    days: list[DayUsage]
    """Oldest first; each day once, also those on which nothing was used."""
    workflows: list[PartUsage]
    """Most used first."""
    items: list[PartUsage]


async def usage(session: AsyncSession, user_id: UUID, *, days: int, now: datetime) -> UsageView:
    """Credits used in the `days` days that end with `now`'s, at most MAX_DAYS."""
    today = now.astimezone(UTC).date()
    first = today - timedelta(days=min(max(days, 1), MAX_DAYS) - 1)
    rows = await session.execute(
        select(LedgerTransaction, col(LedgerPosting.amount), col(Workflow.title))
        .join(LedgerPosting, col(LedgerPosting.transaction_id) == col(LedgerTransaction.id))
        .outerjoin(Workflow, col(Workflow.id) == col(LedgerTransaction.workflow_id))
        .where(col(LedgerTransaction.user_id) == user_id)
        .where(col(LedgerTransaction.kind) == LedgerKind.SETTLE.value)
        .where(col(LedgerPosting.account) == LedgerAccount.USED.value)
        .where(col(LedgerTransaction.at) >= datetime(first.year, first.month, first.day, tzinfo=UTC))
    )
    by_day: defaultdict[date, int] = defaultdict(int)
    by_workflow: defaultdict[tuple[UUID | None, str], int] = defaultdict(int)
    by_item: defaultdict[str, int] = defaultdict(int)
    for transaction, amount, title in rows:
        by_day[transaction.at.astimezone(UTC).date()] += amount
        by_workflow[(transaction.workflow_id, title or "a workflow of before")] += amount
        for item in transaction.items:
            by_item[item["item"]] += item["credits"]
    return UsageView(
        total=sum(by_day.values()),
        days=[
            DayUsage(day=day, credits=by_day[day])
            for day in (first + timedelta(days=number) for number in range((today - first).days + 1))
        ],
        workflows=sorted(
            (PartUsage(id=key[0], title=key[1], credits=amount) for key, amount in by_workflow.items()),
            key=lambda part: (-part.credits, part.title),
        ),
        items=sorted(
            (PartUsage(title=title, credits=amount) for title, amount in by_item.items()),
            key=lambda part: (-part.credits, part.title),
        ),
    )
