"""Invitations end with a membership, the end of an account is told in its teams, and what was private stays so"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from store.migrations.membership_ends import statements
from store.migrations.one_taking_back import statements as one_taking_back

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "erasures", sa.Column("to_tell", postgresql.JSONB(), nullable=False, server_default=sa.text("'[]'::jsonb"))
    )
    for statement in (*statements(), *one_taking_back()):
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("who was removed would be back by an old invitation: restore a backup instead")
