"""What began while a workflow was shared is approved by the people of that team alone"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.four_eyes_after_sharing import statements

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what people asked for would be got round: restore a backup instead")
