"""A revocation's time is kept"""

from __future__ import annotations

from alembic import op

from store.migrations.privileges_revoked import statements

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_revocation ON connections")
    op.execute("DROP TRIGGER given_now ON credential_attempts")
    op.execute("DROP FUNCTION coco_keep_revocation, coco_given_now")
