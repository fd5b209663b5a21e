"""Golden questions, which people edit in the console; measurements stay when their index version goes."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

NAMES = {"fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"}
"""For SQLite, which keeps no name of a key."""


def upgrade() -> None:
    op.create_table(
        "golden_questions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("gold", sa.JSON(), nullable=False),
        sa.Column("need", sa.String(length=10), nullable=False),
        sa.Column("answer_facts", sa.JSON(), nullable=False),
        sa.Column("style", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=10), nullable=False),
        sa.Column("covered", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_index("ix_golden_questions_style", "golden_questions", ["style"])
    op.create_index("ix_golden_questions_origin", "golden_questions", ["origin"])
    op.create_table(
        "seeded_golden_questions",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    embedded = op.get_bind().dialect.name == "sqlite"
    key = "fk_evaluations_version_id_index_versions" if embedded else "evaluations_version_id_fkey"
    with op.batch_alter_table("evaluations", naming_convention=NAMES if embedded else None) as batch:
        batch.drop_constraint(key, type_="foreignkey")


def downgrade() -> None:
    op.execute("DELETE FROM evaluations WHERE version_id NOT IN (SELECT id FROM index_versions)")
    with op.batch_alter_table("evaluations") as batch:
        batch.create_foreign_key(
            "evaluations_version_id_fkey", "index_versions", ["version_id"], ["id"], ondelete="CASCADE"
        )
    op.drop_table("seeded_golden_questions")
    op.drop_index("ix_golden_questions_origin", "golden_questions")
    op.drop_index("ix_golden_questions_style", "golden_questions")
    op.drop_table("golden_questions")
