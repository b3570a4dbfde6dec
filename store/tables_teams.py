"""Tables of what a team agrees on beside its members: budgets, reminders of waiting cards, and escalation."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint
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


class ReminderSettings(SQLModel, table=True):
    """When somebody wants to be reminded of cards that wait; the defaults of coco.reminders where there is no row."""

    __tablename__ = "reminder_settings"
    __table_args__ = (
        CheckConstraint("first_hours BETWEEN 1 AND 720", name="first_within_a_month"),
        CheckConstraint("again_hours BETWEEN 1 AND 720", name="again_within_a_month"),
    )
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    is_on: bool
    first_hours: int
    again_hours: int | None = None
    quiet_from: str | None = None
    quiet_until: str | None = None
    zone: str
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Reminder(SQLModel, table=True):
    """That somebody was reminded of a run that waits for them, their own or one of their team's."""

    __tablename__ = "reminders"
    user_id: UUID = Field(foreign_key="users.id", primary_key=True)
    run_id: UUID = Field(primary_key=True, index=True)
    number: int = Field(primary_key=True)
    """1, 2, 3, … of the person and the run: no two workers write the same one."""
    since: datetime = Field(sa_column=_time())
    """Since when it had waited."""
    at: datetime = Field(sa_column=_time())


class EscalationRule(SQLModel, table=True):
    """After how long without a decision a workflow's cards are put before somebody else of its team."""

    __tablename__ = "escalation_rules"
    __table_args__ = (
        ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        CheckConstraint("after_hours BETWEEN 1 AND 720", name="within_a_month"),
        CheckConstraint("(to_id IS NULL) <> (to_role IS NULL)", name="a_person_or_a_role"),
        CheckConstraint("to_role IN ('owner', 'admin', 'approver')", name="a_role_that_decides"),
    )
    workflow_id: UUID = Field(primary_key=True)
    user_id: UUID = Field(index=True)
    after_hours: int
    to_id: UUID | None = None
    to_role: str | None = None
    """coco.teams.Role, in the team that the workflow is shared with."""
    updated_at: datetime = Field(default_factory=utc_now, sa_column=_time())


class Escalation(SQLModel, table=True):
    """That a run's card was put before somebody. It gives them nothing that they do not have: they decide by their own
    role or not at all."""

    __tablename__ = "escalations"
    __table_args__ = (ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),)
    run_id: UUID = Field(primary_key=True)
    to_id: UUID = Field(primary_key=True, index=True)
    at: datetime = Field(sa_column=Column(SaDateTime(timezone=True), primary_key=True, nullable=False))
    user_id: UUID = Field(index=True)
    """Whose run it is."""
    since: datetime = Field(sa_column=_time())
    """Since when it had waited."""
    ended_at: datetime | None = Field(default=None, sa_column=_time(nullable=True))
    """When nothing on it waited for that person any more."""
