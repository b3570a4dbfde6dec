"""Tables of what a team agrees on beside its members: budgets, reminders of waiting cards, and escalation."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column
from sqlalchemy import DateTime as SaDateTime
from sqlmodel import Field, SQLModel

from store.tables import utc_now


def _time(*, nullable: bool = False) -> Column[datetime]:
    return Column(SaDateTime(timezone=True), nullable=nullable)


class TeamBudget(SQLModel, table=True):
    """The most that all workflows shared with a team may use together in a period. Written by a function of the
    database's alone (store.migrations.team_budgets)."""

    __tablename__ = "team_budgets"
    __table_args__ = (
        CheckConstraint("credits >= 0", name="team_budget_not_negative"),
        CheckConstraint("period IN ('day', 'month')", name="known_team_period"),
    )
    team_id: UUID = Field(foreign_key="teams.id", primary_key=True)
    period: str = Field(primary_key=True)
    """coco.credits.Period; a day or a month"""
    credits: int
    set_by: UUID = Field(index=True)
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())
