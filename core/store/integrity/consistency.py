"""Find values that were changed after they were written, by recomputing them from other stored values."""

from collections.abc import Iterator

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import hash_settings, make_config
from core.data.sources import SPLITS
from core.data.splits import DataSet, Split
from core.errors import RequestError
from core.store.integrity.figures import changed_figures
from core.store.integrity.findings import Problem, advise_rerun, unfixable
from core.store.records import PARENT_GROUP_KEY
from core.store.schema import ClassBalanceRow, DatasetRow, ExampleRow, RunRow

_RESTORE = "Restore a backup."


def consistency_problems(session: Session) -> Iterator[Problem]:
    """Find changed data sets, settings and figures. All values must be readable."""
    datasets = {row.id: row for row in session.scalars(select(DatasetRow).order_by(DatasetRow.id))}
    for row in datasets.values():
        if _recompute_fingerprints(session, row) != (row.fingerprint, row.evaluation_fingerprint):
            what = "its texts, labels or names do not match its fingerprint."
            yield unfixable("changed data set", f"data set {row.id}", what, _RESTORE)
    yield from _wrong_class_balances(session)
    for run in session.scalars(select(RunRow).where(RunRow.status.in_(("complete", "validated"))).order_by(RunRow.id)):
        if run.dataset_id is not None:
            for kind, what in _changes_of_run(session, run, datasets[run.dataset_id]):
                yield unfixable(kind, f"run {run.id}", what, advise_rerun(run.id))


def _wrong_class_balances(session: Session) -> Iterator[Problem]:
    """Find data sets whose class balance differs from the counts of their examples."""
    key = (ExampleRow.dataset_id, ExampleRow.split, ExampleRow.label)
    counts = {tuple(values): count for *values, count in session.execute(select(*key, func.count()).group_by(*key))}
    stored = session.scalars(select(ClassBalanceRow))
    wrong = {row.dataset_id for row in stored if counts.get((row.dataset_id, row.split, row.label), 0) != row.count}
    for dataset_id in sorted(wrong):
        what = "its class balance does not match its examples."
        yield unfixable("changed figures", f"data set {dataset_id}", what, _RESTORE)


def _changes_of_run(session: Session, run: RunRow, data: DatasetRow) -> Iterator[tuple[str, str]]:
    """Yield kind and description of each change of a complete or validated run."""
    if not _matches_group_key(run, data.fingerprint):
        yield "changed settings", "its settings do not match its stored group key, method or seed."
    for split in SPLITS:
        changed = changed_figures(session, run, data, split)
        if changed:
            what = f"its predictions on the {split} split do not give the stored {', '.join(changed)}."
            yield "changed figures", what


def _matches_group_key(run: RunRow, fingerprint: str) -> bool:
    """Return whether a run's group key, kind, method and seed match its settings."""
    try:
        config = make_config(run.config)
    except RequestError:
        return False
    stored = (run.group_key, run.kind, run.method, run.seed)
    # Of the stored settings: an earlier version lacked some, whose defaults are not part of the key.
    group_key = hash_settings(run.config, fingerprint, run.environment.get(PARENT_GROUP_KEY))
    return stored == (group_key, config.kind, config.method, config.settings().get("seed"))


def _recompute_fingerprints(session: Session, row: DatasetRow) -> tuple[str, str]:
    """Return the two fingerprints of a data set's stored content."""
    query = select(ExampleRow.split, ExampleRow.text, ExampleRow.label).where(ExampleRow.dataset_id == row.id)
    examples: dict[str, list[tuple[str, str]]] = {name: [] for name in SPLITS}
    for split, text, label in session.execute(query.order_by(ExampleRow.split, ExampleRow.position)):
        examples.setdefault(split, []).append((text, label))
    code = {label: index for index, label in enumerate(row.labels)}
    splits = {
        name: Split(tuple(text for text, _ in pairs), np.array([code.get(label, -1) for _, label in pairs], int), ())
        for name, pairs in examples.items()
    }
    columns = {name: getattr(row, name) for name in ("name", "source", "revision", "text_column", "label_column")}
    data = DataSet(**columns, labels=tuple(row.labels), splits=splits, excluded_rows={})
    return data.fingerprint, data.evaluation_fingerprint
