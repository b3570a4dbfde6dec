"""Teams: members, invitations, and workflows that are shared with a team"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.privileges_teams import statements

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

ROLES = "('owner', 'admin', 'approver', 'member', 'auditor')"


def upgrade() -> None:
    op.create_table(
        "teams",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False, index=True),
    )
    op.create_table(
        "team_members",
        sa.Column("team_id", sa.Uuid(), sa.ForeignKey("teams.id"), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True, index=True),
        sa.Column("joined_at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("invited_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint(f"role IN {ROLES}", name="a_role_there_is"),
    )
    op.create_index(
        "ix_team_members_now",
        "team_members",
        ["team_id", "user_id"],
        unique=True,
        postgresql_where=sa.text("left_at IS NULL"),
    )
    op.create_table(
        "team_invitations",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("team_id", sa.Uuid(), sa.ForeignKey("teams.id"), nullable=False, index=True),
        sa.Column("email", sa.Text(), nullable=False, index=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False, unique=True),
        sa.Column("invited_by", sa.Uuid(), sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(f"role IN {ROLES}", name="a_role_there_is"),
        sa.CheckConstraint("accepted_at IS NULL OR revoked_at IS NULL", name="it_ends_once"),
    )
    op.add_column("workflows", sa.Column("team_id", sa.Uuid(), sa.ForeignKey("teams.id"), nullable=True, index=True))
    op.create_table(
        "team_shares",
        sa.Column("workflow_id", sa.Uuid(), primary_key=True),
        sa.Column("shared_at", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("user_id", sa.Uuid(), nullable=False, index=True),
        sa.Column("team_id", sa.Uuid(), sa.ForeignKey("teams.id"), nullable=False, index=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["workflow_id", "user_id"], ["workflows.id", "workflows.user_id"]),
    )
    op.create_index(
        "ix_team_shares_now", "team_shares", ["workflow_id"], unique=True, postgresql_where=sa.text("ended_at IS NULL")
    )
    # Who started a run that is not its own account's person.
    op.add_column("runs", sa.Column("requested_by", sa.Uuid(), nullable=True))
    op.execute(
        "CREATE INDEX ix_audit_team ON audit ((body ->> 'team'), at) WHERE kind LIKE 'team\\_%' AND body ->> 'team' "
        "IS NOT NULL"
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("who was in which team is not thrown away: restore a backup instead")
