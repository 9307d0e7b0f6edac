"""Record small runs with random predictions, and change databases as other programs would."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from sqlalchemy import text, update

from core.config import make_config
from core.data.splits import DataSet
from core.evaluation.metrics import evaluate
from core.models.classifier import probabilities
from core.store.engine import Store
from core.store.integrity import check
from core.store.recorder import recording
from core.store.run_writer import RunWriter
from core.store.schema import RunRow
from core.system.files import CHECKSUM_PATTERNS, compute_checksum

DATA = {"dataset": "movie-reviews-3", "train_size": 40, "validation_size": 20, "test_size": 30}
"""Settings of the fixture ``data``."""
PACKAGES = {"torch": "1"}


def save_random_predictions(run: RunWriter, data: DataSet, split: str = "test", seed: int = 0) -> NDArray[np.float32]:
    """Save random predictions of a run on a split; return their probabilities, [n, k]."""
    logits = np.random.default_rng(seed).normal(size=(len(data.splits[split]), len(data.labels))).astype(np.float32)
    predicted: NDArray[np.float32] = probabilities(logits)
    dataset_id = run.storage.save_dataset(data)
    evaluation = evaluate(data.splits[split].labels, predicted, data.labels)
    run.save_predictions(data, split, dataset_id, predicted, evaluation)
    return predicted


def record_run(
    store: Store, data: DataSet, method: str = "tfidf", seed: int = 0, **settings: Any
) -> tuple[int, NDArray[np.float32]]:
    """Record a complete run with random predictions on the test split; return its id and the probabilities."""
    config = make_config({**DATA, "method": method, **settings})
    with recording(store, config, config.default_name(), {"packages": PACKAGES}) as run:
        run.save_dataset(data, config.group_key(data.fingerprint))
        predicted = save_random_predictions(run, data, seed=seed)
    return run.id, predicted


def record_without_data(store: Store, name: str = "a run", error: BaseException | None = None) -> int:
    """Record a run without data that completes or ends with an error; return its id."""
    with suppress(KeyboardInterrupt), recording(store, make_config({}), name, {}) as run:
        if error is not None:
            raise error
    return run.id


def record_with_adapter(store: Store, error: Exception | None = None) -> tuple[int, Path]:
    """Record a run without predictions but with saved files; return its id and their folder."""
    with recording(store, make_config({"method": "lora"}), "lora-r8", {}) as run:
        folder = save_adapter(store.folder / "adapters" / f"{run.id}-lora-r8")
        run.update(adapter_path=f"adapters/{folder.name}", adapter_sha256=compute_checksum(folder, *CHECKSUM_PATTERNS))
        if error is not None:
            raise error
    return run.id, folder


def record_with_work(store: Store, error: BaseException | None = None) -> tuple[int, Path]:
    """Record a run that is stopped, or fails, with a work folder; return its id and the folder."""
    with suppress(KeyboardInterrupt), recording(store, make_config({}), "unfinished", {}) as run:
        run.enter_phase("training")
        folder = run.create_work_folder()
        (folder / "step-5").mkdir()
        raise error or KeyboardInterrupt
    return run.id, folder


def save_adapter(folder: Path) -> Path:
    """Write the files of a small adapter; return the folder."""
    folder.mkdir(parents=True)
    save_file({"a": np.arange(6, dtype=np.float32)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}")
    return folder


def address_of(store: Store) -> str:
    """Return the address of a store for another process, with its password."""
    return store.engine.url.render_as_string(hide_password=False)


def find_problems(store: Store, **options: Any) -> list[tuple[str, str, bool]]:
    """Return kind, location and fixability of each finding of an integrity check."""
    return [(finding.kind, finding.where, finding.fixable) for finding in check(address_of(store), **options).findings]


def set_columns(store: Store, run_id: int, **columns: Any) -> None:
    """Set columns of a run's row without the store's checks."""
    with store.write_session() as session:
        session.execute(update(RunRow).where(RunRow.id == run_id).values(**columns))


def execute_sql(store: Store, *statements: str) -> None:
    """Change rows as another program would: in an SQLite file without foreign keys."""
    if store.engine.dialect.name != "sqlite":
        with store.engine.begin() as connection:
            for statement in statements:
                connection.execute(text(statement))
        return
    with closing(sqlite3.connect(store.address)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def lock_database(store: Store) -> closing[sqlite3.Connection]:
    """Lock an SQLite file for writers, as another program would, until the result is closed."""
    other = sqlite3.connect(store.address, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    return closing(other)
