"""A delegation is within a team, for all of its shared workflows or some"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from store.migrations.delegating import statements

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Nothing could give one before: there was no call and no page.
    op.execute("DELETE FROM delegations")
    op.add_column("delegations", sa.Column("team_id", sa.Uuid(), sa.ForeignKey("teams.id"), nullable=False, index=True))
    op.add_column("delegations", sa.Column("workflows", JSONB(none_as_null=True), nullable=True))
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("delegations would reach further than they were given for: restore a backup instead")
