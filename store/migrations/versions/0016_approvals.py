"""Four eyes: approval rules of workflows, approvals of people, and delegations"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.privileges_approvals import statements

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approval_rules",
        sa.Column("workflow_id", sa.Uuid(), primary_key=True),
        sa.Column("version", sa.Integer(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("role", sa.Text(), nullable=True),
        sa.Column("not_requester", sa.Boolean(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        sa.CheckConstraint("people IN (1, 2)", name="one_or_two_people"),
        sa.CheckConstraint("role IN ('approver', 'admin')", name="a_role_to_ask_for"),
    )
    op.create_table(
        "approvals",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("run_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("counts_for", sa.Uuid(), nullable=False),
        sa.Column("delegation_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        sa.ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        sa.UniqueConstraint("action_id", "person_id"),
        sa.UniqueConstraint("action_id", "counts_for"),
    )
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("to_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("to_id <> user_id", name="to_somebody_else"),
        sa.CheckConstraint("ends_at > starts_at AND ends_at <= starts_at + interval '90 days'", name="it_ends"),
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("approvals are not thrown away: restore a backup instead")
