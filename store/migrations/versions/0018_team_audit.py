"""Teams: the audit entries of what is shared, and starting a shared workflow"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.team_audit import statements

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    op.execute("DROP FUNCTION coco_team_audit")
    op.execute("DROP FUNCTION coco_team_start")
