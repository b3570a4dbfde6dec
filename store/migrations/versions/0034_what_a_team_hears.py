"""A team's trail has its delegations; rules are set in one's own name; what leaves a team is looked at again"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.team_trail import statements

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("rules could be set in others' names: restore a backup instead")
