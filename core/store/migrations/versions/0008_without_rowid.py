"""Store predictions and metrics in the order of their primary keys on SQLite, which takes a fifth less space."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = ("predictions", "metrics")


def upgrade() -> None:
    """Apply this revision."""
    _recreate(with_rowid=False)


def downgrade() -> None:
    """Revert this revision."""
    _recreate(with_rowid=True)


def _recreate(*, with_rowid: bool) -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    for name in TABLES:
        with op.batch_alter_table(name, recreate="always", table_kwargs={"sqlite_with_rowid": with_rowid}):
            pass
