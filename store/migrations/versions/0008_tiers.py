"""Tiers: what an account may have, set by the database's owner alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("tier", sa.String(), nullable=False, server_default="free"))
    op.create_check_constraint("known_tier", "users", "tier IN ('free', 'founder', 'team')")
    op.execute("CREATE POLICY starts_free ON users AS RESTRICTIVE FOR INSERT TO coco_api WITH CHECK (tier = 'free')")
    op.execute("GRANT SELECT (tier) ON users TO coco_control")


def downgrade() -> None:
    op.execute("DROP POLICY starts_free ON users")
    op.drop_column("users", "tier")
