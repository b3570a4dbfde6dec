"""Credits by double entry: a ledger that the database checks, balances that follow from it, and budgets"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from store.migrations import privileges_ledger

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_transactions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("run_id", sa.Uuid(), nullable=True),
        sa.Column("items", postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("user_id", "kind", "ref"),
        sa.UniqueConstraint("id", "user_id"),
    )
    op.create_index("ix_ledger_newest", "ledger_transactions", ["user_id", "at", "id"])
    op.create_index(
        "ix_ledger_closed_once",
        "ledger_transactions",
        ["user_id", "ref"],
        unique=True,
        postgresql_where=sa.text("kind IN ('settle', 'release')"),
    )
    op.create_table(
        "ledger_postings",
        sa.Column("transaction_id", sa.Uuid(), nullable=False),
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_id", "user_id"], ["ledger_transactions.id", "ledger_transactions.user_id"]
        ),
        sa.PrimaryKeyConstraint("transaction_id", "account"),
        sa.CheckConstraint("amount <> 0", name="moves_something"),
        sa.CheckConstraint("account IN ('issued', 'available', 'reserved', 'used')", name="known_account"),
    )
    op.create_index("ix_ledger_postings_user_id", "ledger_postings", ["user_id"])
    op.create_table(
        "credit_budgets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=True),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("credits", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.CheckConstraint("credits >= 0", name="budget_not_negative"),
        sa.CheckConstraint("period IN ('day', 'month', 'ever')", name="known_period"),
    )
    op.create_index("ix_credit_budgets_user_id", "credit_budgets", ["user_id"])
    op.create_index(
        "ix_one_budget",
        "credit_budgets",
        ["user_id", "workflow_id", "period"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.execute(privileges_ledger.FUNCTIONS)
    op.execute(privileges_ledger.MOVE_OLD_ROWS)
    op.drop_table("credit_entries")
    op.drop_table("credit_reservations")
    for statement in privileges_ledger.statements():
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("the ledger is not taken apart again: put back a copy of the database")
