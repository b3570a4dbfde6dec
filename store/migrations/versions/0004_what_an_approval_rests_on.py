"""What an approval rests on stays: where a connection leads, and that a run was cancelled"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A digest names the connection, so another address under the same id would send what was approved elsewhere.
    op.execute("REVOKE UPDATE (base_url, settings) ON connections FROM coco_api")
    op.execute(
        """
        CREATE FUNCTION coco_keep_cancelled() RETURNS trigger
        LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
        BEGIN
          IF OLD.cancel_requested_at IS NOT NULL
             AND NEW.cancel_requested_at IS DISTINCT FROM OLD.cancel_requested_at THEN
            RAISE EXCEPTION 'a cancelled run stays cancelled' USING ERRCODE = 'check_violation';
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER keep_cancelled BEFORE UPDATE OF cancel_requested_at ON runs "
        "FOR EACH ROW EXECUTE FUNCTION coco_keep_cancelled()"
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER keep_cancelled ON runs")
    op.execute("DROP FUNCTION coco_keep_cancelled()")
    op.execute("GRANT UPDATE (base_url, settings) ON connections TO coco_api")
