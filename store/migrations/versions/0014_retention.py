"""Retention: how long an account keeps what, and the removal of what is past its time"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.privileges_retention import statements

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_LEAST = {"reads": 1, "runs": 7, "events": 1, "audit": 90}


def upgrade() -> None:
    op.create_table(
        "retention_settings",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        *(sa.Column(f"{what}_days", sa.Integer(), nullable=True) for what in _LEAST),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.CheckConstraint(
                f"{what}_days = 0 OR {what}_days BETWEEN {least} AND 3650", name=f"{what}_days_within_bounds"
            )
            for what, least in _LEAST.items()
        ),
    )
    op.add_column("runs", sa.Column("trimmed_at", sa.DateTime(timezone=True), nullable=True))
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what was removed does not come back: put back a copy of the database")
