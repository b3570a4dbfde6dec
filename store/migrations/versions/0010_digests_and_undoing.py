"""Digests of what ran alone, and actions that take back others"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Text
from sqlalchemy.dialects import postgresql

from store.migrations.privileges_digests import statements

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "digests",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("body", postgresql.JSONB(none_as_null=True, astext_type=Text()), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_index("ix_digests_newest", "digests", ["user_id", "at", "run_id"], unique=False)
    op.create_table(
        "undos",
        sa.Column("action_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["action_id", "user_id"], ["actions.id", "actions.user_id"]),
        sa.ForeignKeyConstraint(["run_id", "user_id"], ["runs.id", "runs.user_id"]),
        sa.PrimaryKeyConstraint("action_id"),
        sa.UniqueConstraint("run_id"),
    )
    op.create_index(op.f("ix_undos_user_id"), "undos", ["user_id"], unique=False)
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("a digest or an undoing that was told of is not forgotten: restore a backup instead")
