"""Sections on the data: misclassified examples, class balance and data quality checks."""

import pandas as pd

from core.catalog.figures import FIGURES
from core.report.data_quality import quality_checks, rare_classes
from core.report.document.blocks import Bullets, Column, Example, Examples, Facts, Paragraph, Section, Table
from core.report.document.selection import Selection, class_label, run_label
from core.store import queries
from core.store.records import Dataset, Run
from core.text.formatting import DASH, format_count, format_percent

MAX_TEXT_CHARACTERS = 1_000
MAX_CLASSES_SHOWN = 15
"""A longer table of the class balance is folded."""
SPLITS = ("train", "validation", "test")


def show_failures(selection: Selection, most: int) -> Section | None:
    """Return the misclassified examples of each run on which it is most confident."""
    if not most:
        return None
    sections = tuple(_failures(selection, run, most, is_folded=run != selection.runs[0]) for run in selection.runs)
    return Section("Failures", sections)


def _failures(selection: Selection, run: Run, most: int, *, is_folded: bool) -> Section:
    frame = queries.predictions(selection.store, run.id)
    wrong = frame[frame["label"] != frame["predicted"]]
    shown = wrong.sort_values("confidence", ascending=False, kind="stable").head(most)
    examples = tuple(
        Example(
            _shorten(row.text),
            true=class_label(row.label),
            predicted=class_label(row.predicted),
            confidence=f"{FIGURES['confidence'].format(row.confidence)}%",
        )
        for row in shown.itertuples()
    )
    share = format_percent(len(wrong) / len(frame))
    summary = f"{format_count(len(wrong))} of {format_count(len(frame))} test examples ({share}%) are misclassified."
    shown_note = f" The {len(examples)} on which the run is most confident:" if len(examples) < len(wrong) else ""
    listed = [Examples(examples)] if examples else []
    return Section(run_label(run), (Paragraph(summary + shown_note), *listed), is_folded)


def _shorten(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    return f"{text[:MAX_TEXT_CHARACTERS]} … ({format_count(len(text))} characters)"


def show_data(selection: Selection) -> Section:
    """Return source, class balance and data quality checks of the data sets of the runs."""
    if len(selection.datasets) == 1:
        return Section("Data", _describe(selection, selection.datasets[0]))
    versions = [
        Section(f"Training set of {_users(selection, dataset)}", _describe(selection, dataset))
        for dataset in selection.datasets
    ]
    return Section("Data", tuple(versions))


def _users(selection: Selection, dataset: Dataset) -> str:
    return ", ".join(run_label(run) for run in selection.runs if run.dataset_id == dataset.id)


def _describe(selection: Selection, dataset: Dataset) -> tuple[Facts | Bullets | Table | Section, ...]:
    balance = queries.class_balance(selection.store, dataset.id)
    best = next(run for run in selection.runs if run.dataset_id == dataset.id)
    rare = rare_classes(balance, queries.class_metrics(selection.store, [best.id]))
    truncated = best.environment.get("truncated")
    facts = (
        ("Source", f"{dataset.source}{f', revision {dataset.revision}' if dataset.revision else ''}"),
        ("Columns", f"text: {dataset.text_column}, label: {dataset.label_column}"),
        ("Fingerprint", f"{dataset.fingerprint[:12]}, test set {dataset.evaluation_fingerprint[:12]}"),
    )
    table = _balance_table(balance, dataset)
    folded = Section("Class balance", (table,), is_folded=True)
    checks = Bullets(tuple(quality_checks(dataset.checks, rare, truncated)))
    return (Facts(facts), checks, table if len(dataset.labels) <= MAX_CLASSES_SHOWN else folded)


def _balance_table(balance: pd.DataFrame, dataset: Dataset) -> Table:
    """Return the number and the share of each label's examples in each split."""
    by_place = balance.set_index(["split", "label"])
    rows = []
    for label in dataset.labels:
        cells = []
        for split in SPLITS:
            row = by_place.loc[(split, label)] if (split, label) in by_place.index else None
            cells.append(DASH if row is None else f"{format_count(row['count'])}\n({format_percent(row['share'])}%)")
        rows.append((class_label(label), *cells))
    totals = balance.groupby("split")["count"].sum()
    rows.append(("all", *(format_count(totals.get(split, 0)) for split in SPLITS)))
    columns = (Column("Class"), *(Column(split.capitalize(), is_number=True) for split in SPLITS))
    return Table(columns, tuple(rows), "Class balance")
