"""The turn engine: turns that a session counts, their keepers, traces, running summaries, processes and spending.

Turns of conversations that are there already are counted in the order of their ids.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBERED = """
UPDATE messages SET turn = (
    SELECT count(*) FROM messages AS asked
    WHERE asked.session_id = messages.session_id AND asked.role = 'user'
        AND asked.id <= coalesce(messages.reply_to, messages.id)
)
"""
COUNTED = """
UPDATE sessions SET turns = (
    SELECT count(*) FROM messages WHERE messages.session_id = sessions.id AND messages.role = 'user'
)
"""


def upgrade() -> None:
    with op.batch_alter_table("sessions") as batch:
        batch.add_column(sa.Column("turns", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("summary", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("summarised", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("messages") as batch:
        batch.add_column(sa.Column("turn", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("keeper", sa.String(length=36), nullable=False, server_default=""))
        batch.add_column(sa.Column("tokens", sa.Integer(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("cost", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE messages SET keeper = 'before' WHERE status IN ('pending', 'answered')")
    op.execute(NUMBERED)
    op.execute(COUNTED)
    with op.batch_alter_table("messages") as batch:
        batch.create_unique_constraint("uq_messages_turn", ["session_id", "turn", "role"])
        batch.drop_index("ix_messages_session_id_id")
    op.create_table(
        "traces",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_table(
        "executors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "spending",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("scope", sa.String(length=10), nullable=False),
        sa.Column("key", sa.String(length=240), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "scope", "key"),
    )


def downgrade() -> None:
    op.execute("UPDATE messages SET status = 'failed' WHERE status = 'stopped'")
    for table in ("spending", "executors", "traces"):
        op.drop_table(table)
    with op.batch_alter_table("messages") as batch:
        batch.create_index("ix_messages_session_id_id", ["session_id", "id"])
        batch.drop_constraint("uq_messages_turn", type_="unique")
        for column in ("cost", "tokens", "keeper", "turn"):
            batch.drop_column(column)
    with op.batch_alter_table("sessions") as batch:
        for column in ("summarised", "summary", "turns"):
            batch.drop_column(column)
