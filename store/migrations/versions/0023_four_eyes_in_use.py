"""Four eyes in use: editors asked for what they edit, who of a team decided, and a last look before sending"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.four_eyes import statements

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decisions", sa.Column("by_id", sa.Uuid(), nullable=True))
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("who decided would be forgotten: restore a backup instead")
