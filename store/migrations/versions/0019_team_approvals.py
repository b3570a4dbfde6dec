"""Four eyes in a team: who may decide on a shared workflow, and who asked for its run"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.team_approvals import statements

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("approvals are not thrown away: restore a backup instead")
