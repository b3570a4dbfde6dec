"""Voices: how somebody writes, learned of their own messages and kept where they say so"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from store.migrations.privileges_0001 import USER_ID

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

FUNCTIONS = """
-- What was learned through a revoked connection goes, unless its owner kept it.
CREATE FUNCTION coco_purge_voices() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  DELETE FROM voices WHERE user_id = NEW.user_id AND connection_id = NEW.id AND state <> 'kept';
  RETURN NULL;
END $$;
CREATE TRIGGER purge_voices AFTER UPDATE OF purged_at ON connections
  FOR EACH ROW WHEN (NEW.purged_at IS DISTINCT FROM OLD.purged_at) EXECUTE FUNCTION coco_purge_voices();
"""


def upgrade() -> None:
    op.create_table(
        "voices",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("voice", JSONB(), nullable=True),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        sa.CheckConstraint("state IN ('learning', 'shown', 'kept', 'failed')", name="known_voice_state"),
        sa.CheckConstraint("(state IN ('shown', 'kept')) = (voice IS NOT NULL)", name="a_voice_once_learned"),
    )
    op.create_index("ix_voices_kept", "voices", ["user_id"], unique=True, postgresql_where=sa.text("state = 'kept'"))
    for statement in (
        "ALTER TABLE voices ENABLE ROW LEVEL SECURITY",
        f"CREATE POLICY own ON voices USING (user_id = {USER_ID}) WITH CHECK (user_id = {USER_ID})",
        "GRANT SELECT, INSERT, UPDATE (state, step, voice, messages, reason, kept_at), DELETE ON voices TO coco_api",
        # The gateway tells a run's sandbox how its owner writes, where they kept it and the tier has it.
        "GRANT SELECT ON voices TO coco_gateway",
        FUNCTIONS,
        "REVOKE ALL ON FUNCTION coco_purge_voices() FROM PUBLIC",
    ):
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what people kept would be lost: restore a backup instead")
