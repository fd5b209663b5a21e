"""Tallies of whole platforms, whose spans have longer names."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

SHORT, LONG = sa.String(length=4), sa.String(length=20)


def upgrade() -> None:
    with op.batch_alter_table("tallies") as table:
        table.alter_column(
            "span", existing_type=sa.String(length=4), type_=sa.String(length=20), existing_nullable=False
        )


def downgrade() -> None:
    op.execute("DELETE FROM tallies WHERE length(span) > 4")
    with op.batch_alter_table("tallies") as table:
        table.alter_column(
            "span", existing_type=sa.String(length=20), type_=sa.String(length=4), existing_nullable=False
        )
