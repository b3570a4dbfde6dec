"""A credential is kept once its provider has accepted it; a connection carries what was granted"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from store.migrations.privileges_credentials import statements

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_EMPTY_LIST = sa.text("'[]'::jsonb")
_EMPTY_OBJECT = sa.text("'{}'::jsonb")


def upgrade() -> None:
    op.add_column("connections", sa.Column("scopes", JSONB(), nullable=False, server_default=_EMPTY_LIST))
    op.add_column("connections", sa.Column("method", sa.Text(), nullable=False, server_default="key"))
    op.add_column("connections", sa.Column("team", sa.Text(), nullable=True))
    op.add_column("connections", sa.Column("reason", sa.Text(), nullable=False, server_default=""))
    for name in ("credential_set_at", "credential_expires_at", "reminded_at"):
        op.add_column("connections", sa.Column(name, _TIME, nullable=True))
    op.create_check_constraint("method_and_team", "connections", "(method = 'team') = (team IS NOT NULL)")
    op.add_column("sealed_credentials", sa.Column("refresh_fingerprint", sa.LargeBinary(), nullable=True))
    op.create_table(
        "credential_attempts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("connection_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("scopes", JSONB(), nullable=False),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(["connection_id", "user_id"], ["connections.id", "connections.user_id"]),
        sa.CheckConstraint("state = 'pending' OR (sealed IS NULL AND fingerprint IS NULL)", name="ended_holds_nothing"),
    )
    op.create_table(
        "oauth_flows",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("session_id", sa.Uuid(), nullable=False),
        sa.Column("state_sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("verifier", sa.LargeBinary(), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("connection_id", sa.Uuid(), nullable=True),
        sa.Column("connector", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("settings", JSONB(), nullable=False, server_default=_EMPTY_OBJECT),
        sa.Column("scopes", JSONB(), nullable=False, server_default=_EMPTY_LIST),
        sa.Column("read_only", sa.Boolean(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
    )
    for statement in statements():
        op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("credentials that were refreshed since would be lost: put back a copy of the database")
