"""The overview: when an answer could first be read, and questions counted by hour and by day."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COUNTS = ("questions", "answered", "uncovered", "failed", "helpful", "unhelpful", "escalated")


def upgrade() -> None:
    op.add_column("messages", sa.Column("first_text", sa.Integer(), nullable=False, server_default="0"))
    op.create_index("ix_messages_created_at", "messages", ["created_at"])
    op.create_table(
        "tallies",
        sa.Column("span", sa.String(length=4), nullable=False),
        sa.Column("start", sa.DateTime(timezone=True), nullable=False),
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("first_text", sa.LargeBinary(), nullable=False),
        sa.Column("whole", sa.LargeBinary(), nullable=False),
        sa.Column("people", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("span", "start", "platform", "workspace", "channel", "mode"),
    )


def downgrade() -> None:
    op.drop_table("tallies")
    op.drop_index("ix_messages_created_at", "messages")
    op.drop_column("messages", "first_text")
