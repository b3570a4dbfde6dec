"""Reads asked for by their owner outside of any run, and rules that a language model proposes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from store.migrations.asked_reads import statements

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "asked_reads",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("batch", sa.Uuid(), nullable=False, index=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("request_digest", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("response", JSONB(), nullable=True),
        sa.Column("response_digest", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        sa.CheckConstraint("purpose IN ('proposing', 'voice')", name="known_purpose"),
        sa.CheckConstraint("state IN ('pending', 'answered', 'failed')", name="known_state"),
    )
    op.create_table(
        "guardrail_proposals",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("workflow_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("guardrail_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("sentence", sa.String(), nullable=False),
        sa.Column("asks", JSONB(), nullable=False),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        sa.CheckConstraint("state IN ('asking', 'proposed', 'refused')", name="known_proposal_state"),
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what was proposed would be lost: restore a backup instead")
