"""What is stored twice in different words, held against itself: a change of one alone shows, whoever made it."""

from collections.abc import Iterator, Sequence
from math import isclose

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import make_config
from core.data.sources import SPLITS
from core.data.splits import DataSet, Split
from core.errors import RequestError
from core.evaluation.intervals import Estimate, proportion
from core.evaluation.metrics import losses, tally
from core.store.integrity.findings import Problem, run_again, unfixable
from core.store.schema import ClassBalanceRow, ClassMetricRow, DatasetRow, ExampleRow, MetricRow, PredictionRow, RunRow

_TOLERANCE = 1e-6
"""By how much a figure may differ from what its predictions give: other libraries add up in another order."""


def evidence_problems(session: Session) -> Iterator[Problem]:
    """Find data sets, settings and figures that were changed since they were written.

    To be asked only where every value can be read.
    """
    datasets = {row.id: row for row in session.scalars(select(DatasetRow).order_by(DatasetRow.id))}
    for row in datasets.values():
        if _refingerprinted(session, row) != (row.fingerprint, row.evaluation_fingerprint):
            what = "its texts, labels or names are not those that its fingerprint was made of."
            yield unfixable("changed data set", f"data set {row.id}", what, "Go back to a backup.")
    yield from _wrong_balances(session)
    for run in session.scalars(select(RunRow).where(RunRow.status == "complete").order_by(RunRow.id)):
        if run.dataset_id is not None:
            for kind, what in _changes(session, run, datasets[run.dataset_id]):
                yield unfixable(kind, f"run {run.id}", what, run_again(run.id))


def _wrong_balances(session: Session) -> Iterator[Problem]:
    """Find data sets whose class balance is not what counting their examples gives."""
    place = (ExampleRow.dataset_id, ExampleRow.split, ExampleRow.label)
    counted = {tuple(key): count for *key, count in session.execute(select(*place, func.count()).group_by(*place))}
    stored = session.scalars(select(ClassBalanceRow))
    wrong = {row.dataset_id for row in stored if counted.get((row.dataset_id, row.split, row.label), 0) != row.count}
    for dataset_id in sorted(wrong):
        what = "its class balance is not what counting its examples gives."
        yield unfixable("changed figures", f"data set {dataset_id}", what, "Go back to a backup.")


def _changes(session: Session, run: RunRow, data: DatasetRow) -> Iterator[tuple[str, str]]:
    """Tell what was changed of a complete run: the kind of it, and what it is."""
    if not _has_its_key(run, data.fingerprint):
        yield "changed settings", "its settings are not those that the key of its group was made of."
    for split in SPLITS:
        wrong = _wrong_figures(session, run.id, split, data.labels)
        if wrong:
            what = f"its predictions on the {split} split don't give what is stored as {', '.join(wrong)}."
            yield "changed figures", what


def _has_its_key(run: RunRow, fingerprint: str) -> bool:
    """Tell whether a run's columns and the key of its group are those of its settings."""
    try:
        config = make_config(run.config)
    except RequestError:
        return False
    settings = config.settings()
    own = (run.group_key, run.kind, run.method, run.seed)
    return own == (config.group_key(fingerprint), config.kind, config.method, settings.get("seed"))


def _refingerprinted(session: Session, row: DatasetRow) -> tuple[str, str]:
    """Return the fingerprints of what is stored of a data set."""
    query = select(ExampleRow.split, ExampleRow.text, ExampleRow.label).where(ExampleRow.dataset_id == row.id)
    parts: dict[str, list[tuple[str, str]]] = {name: [] for name in SPLITS}
    for split, text, label in session.execute(query.order_by(ExampleRow.split, ExampleRow.position)):
        parts.setdefault(split, []).append((text, label))
    code = {label: index for index, label in enumerate(row.labels)}
    splits = {
        name: Split(tuple(text for text, _ in part), np.array([code.get(label, -1) for _, label in part], int), ())
        for name, part in parts.items()
    }
    stored = {name: getattr(row, name) for name in ("name", "source", "revision", "text_column", "label_column")}
    found = DataSet(**stored, labels=tuple(row.labels), splits=splits, left_out={})
    return found.fingerprint, found.evaluation_fingerprint


def _wrong_figures(session: Session, run_id: int, split: str, labels: Sequence[str]) -> list[str]:
    """Return what is not as a run's probabilities on a split say: columns of its predictions, and its figures."""
    query = (
        select(
            ExampleRow.label,
            PredictionRow.predicted,
            PredictionRow.confidence,
            PredictionRow.true_probability,
            PredictionRow.probabilities,
        )
        .join(ExampleRow, ExampleRow.id == PredictionRow.example_id)
        .where(PredictionRow.run_id == run_id, ExampleRow.split == split)
        .order_by(ExampleRow.position)
    )
    rows = session.execute(query).all()
    if not rows or any(len(row.probabilities) != 4 * len(labels) or row.label not in labels for row in rows):
        return []  # told as what it is
    shares = np.stack([np.frombuffer(row.probabilities, dtype="<f4") for row in rows])
    true = np.array([labels.index(row.label) for row in rows])
    told = {
        "confidence": np.array_equal(shares.max(axis=1), [row.confidence for row in rows]),
        "true_probability": np.array_equal(shares[np.arange(len(rows)), true], [row.true_probability for row in rows]),
        "predicted": [labels[code] for code in shares.argmax(axis=1)] == [row.predicted for row in rows],
    }
    figures = _figures(true, shares, labels)
    return [name for name, right in told.items() if not right] + [
        name for name, value in _stored(session, run_id, split).items() if not _alike(figures.get(name, value), value)
    ]


def _stored(session: Session, run_id: int, split: str) -> dict[str, float | None]:
    """Return a run's figures on a split, those of classes under the names of both."""
    where = {table: (table.run_id == run_id, table.split == split) for table in (MetricRow, ClassMetricRow)}
    found: dict[str, float | None] = {}
    for row in session.scalars(select(MetricRow).where(*where[MetricRow])):
        found |= _named(row.name, Estimate(row.value, row.low, row.high))
    for one in session.scalars(select(ClassMetricRow).where(*where[ClassMetricRow])):
        found |= {f"support of {one.label}": one.support, f"f1 of {one.label}": one.f1}
        for name in ("precision", "recall"):
            bounds = (getattr(one, f"{name}{end}") for end in ("", "_low", "_high"))
            found |= _named(f"{name} of {one.label}", Estimate(*bounds))
    return found


def _named(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name} (low)": estimate.low, f"{name} (high)": estimate.high}


def _figures(true: NDArray[np.int64], shares: NDArray[np.float32], labels: Sequence[str]) -> dict[str, float | None]:
    """Return what predictions say, under the names of `_stored`; intervals where they take no resampling."""
    exact = shares.astype(np.float64)
    predicted = exact.argmax(axis=1)
    found = tally(np.ones((1, len(true))), true, predicted, len(labels))
    loss, squared = losses(true, exact)
    figures: dict[str, float | None] = {
        "macro_f1": float(found.macro_f1()[0]),
        "balanced_accuracy": float(found.balanced_accuracy()[0]),
        "mcc": float(found.mcc()[0]),
        "log_loss": float(loss.mean()),
        "brier": float(squared.mean()),
    }
    figures |= _named("accuracy", proportion(int((true == predicted).sum()), len(true)))
    for code, label in enumerate(labels):
        hits, there, named = (int(part[0, code]) for part in (found.hits, found.there, found.named))
        f1 = float(found.f1()[0, code])
        figures |= {f"support of {label}": there, f"f1 of {label}": None if np.isnan(f1) else f1}
        figures |= _named(f"precision of {label}", proportion(hits, named))
        figures |= _named(f"recall of {label}", proportion(hits, there))
    return figures


def _alike(expected: float | None, stored: float | None) -> bool:
    if expected is None or stored is None:
        return expected is stored
    return isclose(expected, stored, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
