"""One migration more, as the next version may bring."""

import os
from pathlib import Path

from alembic import op

revision = "9999"
down_revision = max(file.name[:4] for file in Path(__file__).parent.glob("0*.py"))
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(os.environ["NEXT_SQL"])


def downgrade() -> None:
    raise NotImplementedError
