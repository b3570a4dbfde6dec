"""What credits were used for: by day, by workflow, by item."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Date, Select, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import JSONB
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
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    by_day: defaultdict[date, int] = defaultdict(int)
    by_workflow: defaultdict[tuple[UUID | None, str], int] = defaultdict(int)
    day = cast(func.timezone("UTC", col(LedgerTransaction.at)), Date).label("day")
    workflow = (col(LedgerTransaction.workflow_id), col(Workflow.title))
    rows = await session.execute(
        _used(user_id, since, day, *workflow, func.sum(col(LedgerPosting.amount)).label("credits"))
        .outerjoin(Workflow, col(Workflow.id) == col(LedgerTransaction.workflow_id))
        .group_by("day", *workflow)
    )
    for row in rows:
        by_day[row.day] += row.credits
        by_workflow[(row.workflow_id, row.title or "a workflow of before")] += row.credits
    item = func.jsonb_array_elements(col(LedgerTransaction.items)).table_valued(column("value", JSONB), name="item")
    title, cost = item.c.value["item"].as_string(), item.c.value["credits"].as_integer()
    by_item = await session.execute(
        _used(user_id, since, title.label("title"), func.sum(cost).label("credits"))
        .join(item, true())
        .group_by("title")
    )
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
            (PartUsage(title=row.title, credits=row.credits) for row in by_item),
            key=lambda part: (-part.credits, part.title),
        ),
    )


def _used(user_id: UUID, since: datetime, *columns: Any) -> Select[Any]:
    """The columns, of what was debited since then."""
    return (
        select(*columns)
        .select_from(LedgerTransaction)
        .join(LedgerPosting, col(LedgerPosting.transaction_id) == col(LedgerTransaction.id))
        .where(col(LedgerTransaction.user_id) == user_id)
        .where(col(LedgerTransaction.kind) == LedgerKind.SETTLE.value)
        .where(col(LedgerPosting.account) == LedgerAccount.USED.value)
        .where(col(LedgerTransaction.at) >= since)
    )
