"""Add the path of a run's work folder, which holds checkpoints and files being written."""

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
    """Revert this revision."""
    op.drop_column("runs", "work_path")
