"""Create databases of earlier schema revisions: tables from the migrations, rows inserted with plain SQL."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine

from core.store.upgrade import MIGRATIONS

_MOMENT = "2026-01-02 03:04:05.000678"
_BLOB = np.array([0.25, 0.75], dtype="<f4").tobytes()
_RUN = {
    "name": "Läufe 'x'",
    "kind": "adapter",
    "method": "lora",
    "status": "complete",
    "seed": 42,
    "dataset_id": 1,
    "group_key": "0123456789abcdef",
    "config": '{"method": "lora", "r": 8, "seed": 42}',
    "created_at": _MOMENT,
    "heartbeat_at": _MOMENT,
    "total_parameters": 22_788_484,
    "adapter_path": "adapters/1-lora",
    "environment": '{"packages": {"torch": "2.1"}}',
    "notes": "kept",
    "archived": 0,
}
_CLASS = dict.fromkeys(("precision", "precision_low", "precision_high", "recall", "recall_low", "recall_high"), 0.5)
_ROWS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "0001": [
        (
            "datasets",
            {
                "id": 1,
                "name": "films",
                "source": "file:films.csv",
                "fingerprint": "a" * 64,
                "evaluation_fingerprint": "b" * 64,
                "text_column": "text",
                "label_column": "label",
                "labels": '["bad", "good"]',
                "checks": "{}",
            },
        ),
        ("class_balance", {"dataset_id": 1, "split": "test", "label": "good", "count": 1, "share": 1.0}),
        *(
            ("examples", {"id": 7 + n, "dataset_id": 1, "split": "test", "position": n, "text": text, "label": "good"})
            for n, text in enumerate(("a film", "noch ein Film, 映画"))
        ),
        ("runs", {"id": 1, **_RUN}),
        ("runs", {"id": 2, **_RUN, "baseline_id": 1, "status": "failed", "error_message": "no"}),
        *(
            (
                "predictions",
                {
                    "run_id": 1,
                    "example_id": 7 + n,
                    "predicted": "good",
                    "confidence": 0.75,
                    "true_probability": 0.75,
                    "probabilities": _BLOB,
                },
            )
            for n in range(2)
        ),
        ("metrics", {"run_id": 1, "split": "test", "name": "macro_f1", "value": 0.5, "low": 0.4, "high": None}),
        ("class_metrics", {"run_id": 1, "split": "test", "label": "good", **_CLASS, "f1": 0.5, "support": 2}),
        ("history", {"run_id": 1, "step": 5, "epoch": 0.5, "name": "loss", "value": 0.7}),
        ("annotations", {"id": 3, "content_hash": "c" * 64, "tag": "odd", "created_at": _MOMENT}),
    ],
    "0002": [
        (
            "rechecks",
            {
                "id": 4,
                "run_id": 1,
                "created_at": _MOMENT,
                "changed_labels": 1,
                "max_difference": 0.1,
                "drifted": 1,
                "environment": "{}",
            },
        )
    ],
    "0003": [("log", {"run_id": 1, "line": 1, "at": _MOMENT, "text": "Phase: training"})],
    "0004": [],
    "0005": [],
    "0006": [],
    "0007": [],
    "0008": [],
    "0009": [],
}
EARLIER_REVISIONS = tuple(_ROWS)
"""The revisions before the newest."""


def migrate_to(connection: Connection, revision: str) -> None:
    """Migrate a database to a later or an earlier revision."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    current = MigrationContext.configure(connection).get_current_revision()
    is_later = current is None or current <= revision
    (command.upgrade if is_later else command.downgrade)(config, revision)


def make_earlier_database(path: Path, revision: str) -> None:
    """Create a database of an earlier revision, with rows in all of its tables."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        migrate_to(connection, revision)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode = WAL")
        rows = (entry for earlier in EARLIER_REVISIONS if earlier <= revision for entry in _ROWS[earlier])
        for table, row in rows:
            values = row | ({"extra": '{"from": "x"}'} if table == "examples" else {})
            names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" for _ in values)
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(values.values()))


def contents(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of all tables as they are stored."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            table: sorted(map(dict, connection.execute(f"SELECT * FROM {table}")), key=lambda row: str([*row.values()]))
            for table in tables
        }


def revision_of(path: Path) -> str:
    """Return the revision of a database."""
    return contents(path)["alembic_version"][0]["version_num"]
