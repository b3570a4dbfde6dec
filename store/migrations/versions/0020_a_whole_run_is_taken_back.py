"""A whole run is taken back by one run, a taking back is tried again, and what was sent is followed by a message"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("undos_run_id_key", "undos", type_="unique")
    op.drop_constraint("undos_pkey", "undos", type_="primary")
    op.create_primary_key("undos_pkey", "undos", ["action_id", "run_id"])
    op.add_column("undos", sa.Column("kind", sa.String(), nullable=False, server_default="undo"))
    op.alter_column("undos", "kind", server_default=None)
    op.create_check_constraint("undos_kind_check", "undos", "kind IN ('undo', 'follow_up')")
    op.create_index("ix_undos_run_id", "undos", ["run_id"], unique=False)


def downgrade() -> None:
    raise NotImplementedError("runs that take back several actions would be lost: restore a backup instead")
