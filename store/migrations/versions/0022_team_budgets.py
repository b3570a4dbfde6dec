"""Budgets of teams"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.team_budgets import statements

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "team_budgets",
        sa.Column("team_id", sa.Uuid(), sa.ForeignKey("teams.id"), primary_key=True),
        sa.Column("period", sa.String(), primary_key=True),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=False, index=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("credits >= 0", name="team_budget_not_negative"),
        sa.CheckConstraint("period IN ('day', 'month')", name="known_team_period"),
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what a team agreed on would be lost: restore a backup instead")
