"""Add the study and the number of the trial that a run carries out."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("runs", sa.Column("study", sa.String(), nullable=True))
    op.add_column("runs", sa.Column("trial", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Revert this revision."""
    op.drop_column("runs", "trial")
    op.drop_column("runs", "study")
