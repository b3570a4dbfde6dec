"""What a language model may have written waits for a person, unless the workflow's owner said otherwise"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from store.migrations.model_text import statements

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "trust_settings", sa.Column("model_text_alone", sa.Boolean(), nullable=False, server_default=sa.text("false"))
    )
    for statement in statements():
        op.execute(sa.text(statement.replace(":", "\\:")))


def downgrade() -> None:
    raise NotImplementedError("what a model wrote would run alone: restore a backup instead")
