"""An erased account stays so, and of one workflow the people of a team start 60 runs an hour at most"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.stays_erased import statements

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what was erased could come back: restore a backup instead")
