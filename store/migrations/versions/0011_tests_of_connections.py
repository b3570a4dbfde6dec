"""A connection in use can be tested: an attempt that holds no credential"""

from __future__ import annotations

from alembic import op

from store.migrations.privileges_tests import statements

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("tests that were made would be taken for credentials: put back a copy of the database")
