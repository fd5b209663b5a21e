"""A refresh is asked for in one process and done in another: what is to be done, how far it is, who cancelled."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ADDED = ("asked", "rebuild", "only", "progress", "cancelled")


def upgrade() -> None:
    with op.batch_alter_table("refresh_runs") as table:
        table.add_column(sa.Column("asked", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("rebuild", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("only", sa.String(length=64), nullable=False, server_default=""))
        table.add_column(sa.Column("progress", sa.JSON(), nullable=False, server_default="{}"))
        table.add_column(sa.Column("cancelled", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    with op.batch_alter_table("refresh_runs") as table:
        for name in reversed(ADDED):
            table.drop_column(name)
