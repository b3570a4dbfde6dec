"""Approvers of a team hear of no run that takes back what was private, as they do not see it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

# `coco_run_since` is later than the function (store.migrations.four_eyes, store.migrations.membership_ends).
STATEMENT = """
DO $$
BEGIN
  EXECUTE replace(pg_get_functiondef('coco_tell_approvers()'::regprocedure),
                  'r.created_at >= s.shared_at', 'coco_run_since(r.id) >= s.shared_at');
END $$
"""


def upgrade() -> None:
    op.execute(sa.text(STATEMENT.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("private runs would be told of: restore a backup instead")
