"""Never use the id of a deleted run again."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply this revision."""
    _recreate_runs(autoincrement=True)


def downgrade() -> None:
    """Revert this revision."""
    _recreate_runs(autoincrement=False)


def _recreate_runs(*, autoincrement: bool) -> None:
    """Recreate the table: SQLite cannot alter how it assigns ids. The sequences of PostgreSQL reuse none."""
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("runs", recreate="always", table_kwargs={"sqlite_autoincrement": autoincrement}):
            pass
