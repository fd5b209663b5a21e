"""Chat platforms: settings of channels, who has the floor, attachments, reasons of feedback, drafts, escalations."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("sessions") as batch:
        batch.add_column(sa.Column("floor", sa.String(length=64), nullable=False, server_default=""))
        batch.add_column(sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True))
        batch.add_column(sa.Column("resolved_by", sa.String(length=64), nullable=False, server_default=""))
    with op.batch_alter_table("messages") as batch:
        batch.alter_column("placement", existing_type=sa.String(length=128), type_=sa.Text(), existing_nullable=False)
        batch.add_column(sa.Column("manner", sa.String(length=10), nullable=False, server_default="reply"))
        batch.add_column(sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("feedback") as batch:
        batch.add_column(sa.Column("fault", sa.String(length=20), nullable=False, server_default=""))
    with op.batch_alter_table("index_versions") as batch:
        batch.add_column(sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "attachments",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id", "position"),
    )
    op.create_table(
        "escalations",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("author", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_table(
        "drafts",
        sa.Column("message_id", sa.String(length=36), nullable=False),
        sa.Column("placement", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("decided_by", sa.String(length=64), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("message_id"),
    )
    op.create_index("ix_drafts_state", "drafts", ["state"])
    op.create_table(
        "channel_settings",
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("changed_by", sa.String(length=64), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace", "channel"),
    )
    op.create_table(
        "watches",
        sa.Column("platform", sa.String(length=20), nullable=False),
        sa.Column("workspace", sa.String(length=64), nullable=False),
        sa.Column("heard_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace"),
    )


def downgrade() -> None:
    for table in ("watches", "channel_settings", "drafts", "escalations", "attachments"):
        op.drop_table(table)
    with op.batch_alter_table("index_versions") as batch:
        batch.drop_column("changed_at")
    with op.batch_alter_table("feedback") as batch:
        batch.drop_column("fault")
    op.execute("UPDATE messages SET placement = substr(placement, 1, 128)")
    with op.batch_alter_table("messages") as batch:
        for column in ("asked_at", "manner"):
            batch.drop_column(column)
        batch.alter_column("placement", existing_type=sa.Text(), type_=sa.String(length=128), existing_nullable=False)
    with op.batch_alter_table("sessions") as batch:
        for column in ("resolved_by", "resolved_at", "floor"):
            batch.drop_column(column)
