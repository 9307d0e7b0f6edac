"""Prepare a database for publication."""

from pathlib import Path

from sqlalchemy import select, update

from core.store.engine import Store
from core.store.schema import RunRow
from core.system.files import CHECKSUM_PATTERNS, compute_checksum


def make_publishable(store: Store) -> None:
    """Remove host names, process ids and copies of the tokenizer, and compact an SQLite database into a single file."""
    tokenizers: list[Path] = []
    with store.write_session() as session:
        session.execute(update(RunRow).values(host=None, pid=None))
        for row in session.scalars(select(RunRow).where(RunRow.kind == "adapter", RunRow.adapter_path.is_not(None))):
            tokenizers += _exclude_tokenizer(store, row)
    for path in tokenizers:
        path.unlink()
    if store.engine.dialect.name == "sqlite":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")


def _exclude_tokenizer(store: Store, row: RunRow) -> list[Path]:
    """Exclude the tokenizer of an adapter from its checksum, and return its files.

    It is the base model's, and larger than many adapters.
    """
    assert row.adapter_path is not None
    folder = store.folder / row.adapter_path
    files = list(folder.glob("tokenizer*.json"))
    if files:
        row.adapter_sha256 = compute_checksum(folder, *CHECKSUM_PATTERNS, excluded=files)
    return files
