"""Regions: the stamp of a database, and the region of each account"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.privileges_regions import statements

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "region_stamp",
        sa.Column("only_one", sa.Boolean(), primary_key=True, server_default=sa.true()),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("residency", sa.Boolean(), nullable=False),
        sa.CheckConstraint("only_one", name="one_stamp"),
        sa.CheckConstraint("region ~ '^[a-z][a-z0-9-]{0,15}$'", name="region_id"),
    )
    op.add_column("users", sa.Column("region", sa.Text(), nullable=False, server_default=""))
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    op.execute("DROP TRIGGER of_this_region ON users")
    op.execute("DROP FUNCTION coco_of_this_region")
    op.drop_column("users", "region")
    op.drop_table("region_stamp")
    op.execute("DROP FUNCTION coco_stamped")
