"""Add progress, log, tags and trash of runs, and which texts were truncated."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    # One by one: otherwise Alembic copies the table on SQLite, and dropping the old one would cascade.
    op.add_column("runs", sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("runs", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("runs", sa.Column("step", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("total_steps", sa.Integer(), nullable=True))
    op.add_column(
        "runs",
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, server_default="1970-01-01 00:00:00"),
    )
    runs = sa.table("runs", sa.column("changed_at"), sa.column("created_at"))
    op.execute(runs.update().values(changed_at=runs.c.created_at))
    op.add_column("predictions", sa.Column("truncated", sa.Boolean(), nullable=True))
    op.create_table(
        "log",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_log_run_id_runs"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "line", name=op.f("pk_log")),
    )


def downgrade() -> None:
    """Revert this revision."""
    op.drop_table("log")
    op.drop_column("predictions", "truncated")
    for name in ("changed_at", "total_steps", "step", "deleted_at", "tags"):
        op.drop_column("runs", name)
