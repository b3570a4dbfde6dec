"""Model routes: which language model is asked for what"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.privileges_0001 import USER_ID

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_routes",
        sa.Column("user_id", sa.Uuid(), primary_key=True),
        sa.Column("purpose", sa.String(), primary_key=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("fallback_connection_id", sa.Uuid(), nullable=True),
        sa.Column("fallback_model", sa.String(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        sa.ForeignKeyConstraint(["fallback_connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        sa.CheckConstraint("purpose IN ('drafting', 'proposing')", name="known_model_purpose"),
        sa.CheckConstraint("(fallback_connection_id IS NULL) = (fallback_model IS NULL)", name="a_whole_fallback"),
    )
    for statement in (
        "ALTER TABLE model_routes ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY own ON model_routes USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})",
        "GRANT SELECT, INSERT, UPDATE (connection_id, model, fallback_connection_id, fallback_model, updated_at), "
        "DELETE ON model_routes TO coco_api",
        # The gateway tells a run's sandbox whom to ask, where the account's tier has routes.
        "GRANT SELECT ON model_routes TO coco_gateway",
        "GRANT SELECT (id, tier) ON users TO coco_gateway",
    ):
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what people set would be lost: restore a backup instead")
