"""The audit trail: searchable, with a guard on its chain and signed checkpoints"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.audit_search import statements

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_unsigned",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
    )
    op.create_table(
        "audit_checkpoints",
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    op.execute("DROP TRIGGER check_audit ON audit")
    op.execute("ALTER TABLE audit DROP COLUMN search, DROP COLUMN credits")
    op.execute("DROP INDEX ix_audit_time")
    op.drop_table("audit_checkpoints")
    op.drop_table("audit_unsigned")
    for name in ("coco_check_audit", "coco_check_checkpoint", "coco_audit_find", "coco_audit_search",
                 "coco_audit_credits", "coco_audit_text"):  # fmt: skip
        op.execute(f"DROP FUNCTION {name}")
