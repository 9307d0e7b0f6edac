"""Add the memory of the base model; store only the requested settings of a run."""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

LARGE = ("trainable_parameters", "total_parameters", "adapter_bytes", "peak_memory_bytes")


def upgrade() -> None:
    """Apply this revision."""
    op.add_column("runs", sa.Column("base_memory_bytes", sa.BigInteger(), nullable=True))
    if op.get_bind().dialect.name != "sqlite":  # every SQLite integer has 64 bits
        for name in LARGE:
            op.alter_column("runs", name, type_=sa.BigInteger())
    runs = sa.table(
        "runs",
        sa.column("id", sa.Integer()),
        sa.column("dataset_id", sa.Integer()),
        sa.column("config", sa.JSON()),
        sa.column("group_key", sa.String()),
    )
    datasets = sa.table("datasets", sa.column("id", sa.Integer()), sa.column("fingerprint", sa.String()))
    connection = op.get_bind()
    fingerprints = {row.id: row.fingerprint for row in connection.execute(sa.select(datasets))}
    for row in connection.execute(sa.select(runs)).all():
        config = {name: value for name, value in row.config.items() if value is not None}
        fingerprint = fingerprints.get(row.dataset_id)
        key = row.group_key if fingerprint is None else _group_key(config, fingerprint)
        connection.execute(runs.update().where(runs.c.id == row.id).values(config=config, group_key=key))


def downgrade() -> None:
    """Revert this revision; group keys stay, since they only need to agree within one database."""
    op.drop_column("runs", "base_memory_bytes")


def _group_key(config: dict[str, Any], fingerprint: str) -> str:
    alike = {name: value for name, value in config.items() if name != "seed"}
    text = json.dumps([alike, fingerprint], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
