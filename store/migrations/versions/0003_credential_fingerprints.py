"""Credential fingerprints: the gateway knows a connection's own credential from any other"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Empty for credentials sealed before: nobody but their sandbox can open them, so they are connected anew.
    op.add_column("sealed_credentials", sa.Column("fingerprint", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("sealed_credentials", "fingerprint")
