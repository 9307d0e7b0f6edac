"""What is stored twice in different words, held against itself: a change of one alone shows, whoever made it."""

from collections.abc import Iterator

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.config import make_config
from core.data.sources import SPLITS
from core.data.splits import DataSet, Split
from core.errors import RequestError
from core.store.integrity.figures import changed_figures
from core.store.integrity.findings import Problem, advise_rerun, unfixable
from core.store.schema import ClassBalanceRow, DatasetRow, ExampleRow, RunRow


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
                yield unfixable(kind, f"run {run.id}", what, advise_rerun(run.id))


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
        wrong = changed_figures(session, run, data, split)
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
