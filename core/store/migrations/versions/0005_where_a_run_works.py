"""Where a run keeps what is not whole yet: its checkpoints, and the files that it is writing"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("runs", sa.Column("work_path", sa.String(), nullable=True))


def downgrade() -> None:
    """Take this revision back."""
    op.drop_column("runs", "work_path")
