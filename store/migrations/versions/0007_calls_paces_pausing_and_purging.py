"""Calls are counted, connections keep a pace, runs can be paused, what a revoked connection read is removed"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.privileges_purging import statements

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name in ("broken_at", "purge_owed_at", "purged_at"):
        op.add_column("connections", sa.Column(name, _TIME, nullable=True))
    op.add_column("runs", sa.Column("paused_at", _TIME, nullable=True))
    op.add_column("runs", sa.Column("replan", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "calls",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("action_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
    )
    op.create_index("ix_calls_newest", "calls", ["user_id", "connection_id", "id"])
    op.create_table(
        "paces",
        sa.Column("connection_id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("blocked_until", _TIME, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what was purged does not come back: put back a copy of the database")
