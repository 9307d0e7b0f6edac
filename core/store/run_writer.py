"""Write one run's results: progress, log, metrics and predictions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from secrets import token_hex
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from core.data.splits import DataSet
from core.evaluation.intervals import Estimate
from core.evaluation.metrics import Evaluation
from core.store.engine import Store
from core.store.records import WORK_PREFIX, resolve_adapter_path
from core.store.run_storage import RunStorage
from core.store.schema import (
    ClassMetricRow,
    ExampleRow,
    HistoryRow,
    MetricRow,
    PredictionRow,
    RecheckRow,
    now,
)


class RunWriter:
    """Writes one run's record through its `RunStorage`."""

    def __init__(self, storage: RunStorage) -> None:
        self.storage = storage

    @classmethod
    def reopen(cls, store: Store, run_id: int) -> "RunWriter":
        """Return a writer that adds to a run that has ended."""
        return cls(RunStorage(store, run_id))

    @property
    def id(self) -> int:
        """The run's id in the database that it is recorded in."""
        return self.storage.run_id

    @property
    def store(self) -> Store:
        """The database that the run is recorded in: its own or a fallback database."""
        return self.storage.store

    @property
    def requested_store(self) -> Store:
        """The database that the run belongs to."""
        return self.storage.requested_store

    @property
    def is_in_fallback(self) -> bool:
        """Whether the run is recorded in a fallback database."""
        return self.store is not self.requested_store

    @property
    def is_trial(self) -> bool:
        """Whether the run carries out a trial of a search, which reads no test split and saves no files."""
        return self.storage.columns.get("study") is not None

    def switch_to_fallback(self, reason: str) -> None:
        """Continue in a fallback database. Raises `StoreError` if the run is in one already, or none can be created."""
        self.storage.switch_to_fallback(reason)

    def update(self, **columns: Any) -> None:
        """Set columns of the run's row."""
        self.storage.update(**columns)

    def enter_phase(self, phase: str, **columns: Any) -> None:
        """Record the run's current phase, with further columns."""
        self.update(phase=phase, heartbeat_at=now(), **columns)

    def update_progress(
        self, step: int, total: int, seconds: float, examples_per_second: float, **columns: Any
    ) -> None:
        """Record the training step, the elapsed seconds and the speed so far."""
        speed = {"train_seconds": seconds, "train_examples_per_second": examples_per_second}
        self.update(step=step, total_steps=total, **speed, **columns)

    def log_line(self, text: str) -> None:
        """Append a line to the run's log."""
        self.storage.append_log(text)

    def log_history(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Append logged training values; non-finite ones are stored as NULL."""
        rows = [
            {"run_id": self.id, "step": step, "epoch": epoch, "name": name, "value": _finite(value)}
            for name, value in values.items()
        ]
        self.storage.write(lambda session: session.execute(insert(HistoryRow), rows))

    def delete_history_after(self, step: int) -> None:
        """Delete the values that were logged after a step, from which training resumes."""
        later = (HistoryRow.run_id == self.id, HistoryRow.step > step)
        self.storage.write(lambda session: session.execute(delete(HistoryRow).where(*later)))

    def create_work_folder(self) -> Path:
        """Return the folder for checkpoints and unfinished files; create it on first use.

        Its path is stored in the row before it exists, so that no folder is left without an owner.
        """
        name = self.storage.columns.get("work_path")
        if name is None:
            name = f"adapters/{WORK_PREFIX}{self.id}-{token_hex(4)}"
            self.update(work_path=name)
        folder = resolve_adapter_path(self.storage.folder, name)
        assert folder is not None, "the name was generated here, or checked when the run was resumed"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def save_dataset(self, data: DataSet, group_key: str) -> int:
        """Store the run's data set unless it is stored already, and link the run to it; return its id."""
        dataset_id = self.storage.save_dataset(data)
        self.update(dataset_id=dataset_id, group_key=group_key)
        return dataset_id

    def save_metrics(self, split: str, metrics: Mapping[str, Estimate]) -> None:
        """Store metrics of one split."""
        rows = [{"run_id": self.id, "split": split, "name": name, **vars(metrics[name])} for name in metrics]
        self.storage.write(lambda session: session.execute(insert(MetricRow), rows))

    def save_predictions(
        self,
        data: DataSet,
        split: str,
        dataset_id: int,
        probabilities: NDArray[np.float32],
        evaluation: Evaluation,
        truncated: NDArray[np.bool_] | None = None,
    ) -> None:
        """Store the predictions on a split, with their metrics.

        ``probabilities``: [n, k], in the order of the split. ``truncated``: [n], whether a text was cut to the
        model's maximum length; None if unknown.
        """

        def insert_predictions(session: Session) -> None:
            ids = session.scalars(
                select(ExampleRow.id)
                .where(ExampleRow.dataset_id == dataset_id, ExampleRow.split == split)
                .order_by(ExampleRow.position)
            ).all()
            rows = _prediction_rows(self.id, ids, data.splits[split].labels, probabilities, data.labels)
            flags = [None] * len(rows) if truncated is None else truncated.tolist()
            with_flags = [row | {"truncated": flag} for row, flag in zip(rows, flags, strict=True)]
            session.execute(insert(PredictionRow), with_flags)
            session.execute(insert(ClassMetricRow), _class_metric_rows(self.id, split, evaluation))

        self.storage.write(insert_predictions)
        self.save_metrics(split, evaluation.metrics)


def save_recheck(
    store: Store, run_id: int, changed_labels: int, max_difference: float, drifted: bool, environment: dict[str, Any]
) -> None:
    """Store the result of predicting a run's test set again; see `RecheckRow`."""
    row = RecheckRow(
        run_id=run_id,
        created_at=now(),
        changed_labels=changed_labels,
        max_difference=max_difference,
        drifted=drifted,
        environment=environment,
    )
    with store.write_session() as session:
        session.add(row)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _prediction_rows(
    run_id: int,
    ids: Sequence[int],
    true: NDArray[np.int64],
    probabilities: NDArray[np.float32],
    labels: Sequence[str],
) -> list[dict[str, Any]]:
    little_endian = probabilities.astype("<f4")
    return [
        {
            "run_id": run_id,
            "example_id": example_id,
            "predicted": labels[int(row.argmax())],
            "confidence": float(row.max()),
            "true_probability": float(row[code]),
            "probabilities": row.tobytes(),
        }
        for example_id, code, row in zip(ids, true, little_endian, strict=True)
    ]


def _class_metric_rows(run_id: int, split: str, evaluation: Evaluation) -> list[dict[str, Any]]:
    rows = []
    for metrics in evaluation.classes:
        row: dict[str, Any] = {"run_id": run_id, "split": split, "label": metrics.label, "support": metrics.support}
        for name in ("precision", "recall", "f1"):
            estimate: Estimate = getattr(metrics, name)
            row |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append(row)
    return rows
