"""Reminders of cards that wait, on their person's terms, and escalation within a team"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.waiting_cards import statements

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def _time(name: str, *, nullable: bool = False, key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, primary_key=key)


def upgrade() -> None:
    op.create_table(
        "reminder_settings",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("is_on", sa.Boolean(), nullable=False),
        sa.Column("first_hours", sa.Integer(), nullable=False),
        sa.Column("again_hours", sa.Integer(), nullable=True),
        sa.Column("quiet_from", sa.String(), nullable=True),
        sa.Column("quiet_until", sa.String(), nullable=True),
        sa.Column("zone", sa.String(), nullable=False),
        _time("updated_at"),
        sa.CheckConstraint("first_hours BETWEEN 1 AND 720", name="first_within_a_month"),
        sa.CheckConstraint("again_hours BETWEEN 1 AND 720", name="again_within_a_month"),
    )
    op.create_table(
        "reminders",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        # It may be somebody else's: gone with their account, whoever was reminded of it.
        sa.Column("run_id", sa.Uuid(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True, index=True),
        sa.Column("number", sa.Integer(), primary_key=True),
        _time("since"),
        _time("at"),
    )
    op.create_table(
        "escalation_rules",
        sa.Column("workflow_id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("after_hours", sa.Integer(), nullable=False),
        sa.Column("to_id", sa.Uuid(), nullable=True),
        sa.Column("to_role", sa.String(), nullable=True),
        _time("updated_at"),
        sa.ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        sa.CheckConstraint("after_hours BETWEEN 1 AND 720", name="within_a_month"),
        sa.CheckConstraint("(to_id IS NULL) <> (to_role IS NULL)", name="a_person_or_a_role"),
        sa.CheckConstraint("to_role IN ('owner', 'admin', 'approver')", name="a_role_that_decides"),
    )
    op.create_table(
        "escalations",
        sa.Column("run_id", sa.Uuid(), primary_key=True),
        sa.Column("to_id", sa.Uuid(), primary_key=True, index=True),
        _time("at", key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        _time("since"),
        _time("ended_at", nullable=True),
        sa.ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
    )
    op.create_index("ix_actions_pending", "actions", ["created_at"], postgresql_where=sa.text("state = 'pending'"))
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what was asked for would be forgotten: restore a backup instead")
