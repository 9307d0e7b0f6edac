"""Add the run whose weights a run continues to train."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FOREIGN_KEY = "fk_runs_parent_id_runs"


def upgrade() -> None:
    """Apply this revision."""
    with op.batch_alter_table("runs") as runs:  # SQLite adds a foreign key only to a new table
        runs.add_column(sa.Column("parent_id", sa.Integer(), nullable=True))
        runs.create_foreign_key(FOREIGN_KEY, "runs", ["parent_id"], ["id"], ondelete="SET NULL")


def downgrade() -> None:
    """Revert this revision."""
    with op.batch_alter_table("runs") as runs:
        runs.drop_constraint(FOREIGN_KEY, type_="foreignkey")
        runs.drop_column("parent_id")
