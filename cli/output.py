"""What is printed on standard output: tables and sentences, or JSON."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.formatting import DASH, count, duration, megabytes, number, parameters, percent, points, score, setting
from core.methods import METHODS
from core.store import queries
from core.store.engine import DEFAULT, Store
from core.store.records import Run
from core.verdicts import RunComparison, compare_runs, sentence

SHARES = {"accuracy", "macro_f1", "balanced_accuracy"}
"""Metrics that are read in percent."""


def print_runs(runs: pd.DataFrame, *, as_json: bool) -> None:
    """Print a line a run."""
    if as_json:
        _print_json(_records(runs))
    elif runs.empty:
        print("No runs yet. Begin with: python runner.py --r 8 --epochs 2")
    else:
        rows = [
            (
                str(run.id),
                run.name,
                run.kind,
                run.dataset if isinstance(run.dataset, str) else DASH,
                run.state,
                score(run.macro_f1, run.macro_f1_low, run.macro_f1_high),
                score(run.accuracy, run.accuracy_low, run.accuracy_high),
                duration(run.train_seconds),
                parameters(run.trainable_parameters, run.total_parameters),
            )
            for run in runs.itertuples()
        ]
        head = ("run", "name", "kind", "data", "status", "macro F1", "accuracy", "training", "trained weights")
        _print_table(head, rows, words=5)


def print_run(run: Run, metrics: pd.DataFrame, classes: pd.DataFrame, *, as_json: bool) -> None:
    """Print one run: settings, cost and test scores."""
    if as_json:
        _print_json(vars(run) | {"status": run.state, "metrics": _records(metrics), "class_metrics": _records(classes)})
        return
    print(f"Run {run.id}: {run.name} ({METHODS[run.method].title}), {run.state}")
    if run.error_message:
        print(f"It failed in {run.phase}: {run.error_message}")
    facts = {
        "trained weights": parameters(run.trainable_parameters, run.total_parameters),
        "training": duration(run.train_seconds),
        "evaluation": duration(run.evaluation_seconds),
        "most memory": megabytes(run.peak_memory_bytes),
        "files": f"{run.adapter_path or DASH} ({megabytes(run.adapter_bytes)})",
    }
    for name, value in (run.config | facts).items():
        print(f"  {name:16} {setting(value)}")
    figures = [
        (one.name, (score if one.name in SHARES else number)(one.value, one.low, one.high))
        for one in metrics[metrics["split"] == "test"].itertuples()
    ]
    _print_table(("metric", "test, 95 %"), figures)
    _print_table(("label", "precision", "recall", "F1", "examples"), [_class_row(one) for one in _records(classes)])


def print_comparisons(comparisons: Sequence[RunComparison], *, as_json: bool) -> None:
    """Print each comparison: the verdict, what differs, and the difference class by class."""
    if as_json:
        _print_json([_comparison(one) for one in comparisons])
        return
    for one in comparisons:
        print(f"Run {one.a.id} ({one.a.name}) against run {one.b.id} ({one.b.name})")
        print(sentence(one))
        changes = [f"{name} {setting(ours)} ↔ {setting(theirs)}" for name, (ours, theirs) in one.settings.items()]
        print(f"What differs: {' · '.join(changes) or 'nothing'}")
        gaps = zip(one.labels, one.result.class_f1, strict=True)
        _print_table(("label", "F1, points"), [(label, points(gap.value, gap.low, gap.high)) for label, gap in gaps])


def print_predictions(
    texts: Sequence[str], labels: Sequence[str], probabilities: NDArray[np.float32], *, as_json: bool
) -> None:
    """Print each text's label and the probabilities, [n, k], of all labels."""
    answers: list[dict[str, Any]] = [
        {
            "text": text,
            "label": labels[int(row.argmax())],
            "probabilities": dict(zip(labels, row.tolist(), strict=True)),
        }
        for text, row in zip(texts, probabilities, strict=True)
    ]
    if as_json:
        _print_json(answers)
        return
    rows = [(one["label"], *map(percent, one["probabilities"].values()), _shortened(one["text"])) for one in answers]
    _print_table(("label", *(f"{label} %" for label in labels), "text"), rows, words=1)


def print_report(store: Store, ids: Sequence[int]) -> None:
    """Print what a request gave: runs with their classes, failures, verdicts, and what to do next."""
    runs = queries.runs(store).set_index("id", drop=False).loc[list(dict.fromkeys(ids))]
    _print_scores(runs, queries.class_metrics(store, ids))
    for run in runs[runs["state"] != "complete"].itertuples():
        print(f"Run {run.id} ({run.name}) {run.state} in {run.phase}: {run.error_message}")
    adapters = runs[(runs["kind"] != "baseline") & (runs["state"] == "complete")]
    for run in adapters.itertuples():
        if run.baseline_id == run.baseline_id:  # NaN where there is no baseline
            verdict = compare_runs(store, run.id, int(run.baseline_id))
            print(f"Run {run.id} ({run.name}) against its best baseline, {verdict.b.name}. {sentence(verdict)}")
        print(f"Adapter: {store.folder / run.adapter_path} ({megabytes(run.adapter_bytes)})")
    if not adapters.empty:
        _print_next(int(adapters.index[-1]), store)


def _print_scores(runs: pd.DataFrame, classes: pd.DataFrame) -> None:
    """Print one table for each set of labels: runs as rows, the classes' F1 among the columns."""
    f1 = {run_id: dict(zip(rows["label"], rows["f1"], strict=True)) for run_id, rows in classes.groupby("run_id")}
    for labels in dict.fromkeys(tuple(one) for one in f1.values()):
        rows = [
            (
                str(run.id),
                run.name,
                score(run.macro_f1, run.macro_f1_low, run.macro_f1_high),
                score(run.accuracy, run.accuracy_low, run.accuracy_high),
                *map(percent, f1[run.id].values()),
                duration(run.train_seconds),
                parameters(run.trainable_parameters, run.total_parameters),
            )
            for run in runs.itertuples()
            if tuple(f1.get(run.id, ())) == labels
        ]
        of_classes = (f"F1 {label}" for label in labels)
        head = ("run", "name", "macro F1", "accuracy", *of_classes, "training", "trained weights")
        _print_table(head, rows, words=2)


def _print_next(run_id: int, store: Store) -> None:
    elsewhere = Path(store.address) != DEFAULT
    flag, variable = (f" --db {store.address}", f"RUNS_DB={store.address} ") if elsewhere else ("", "")
    print("Next:")
    print(f"  {variable}streamlit run dashboard/Home.py      compare runs, look at failures, try the adapter")
    print(f"  python runner.py show {run_id}{flag}")
    print(f'  python runner.py predict {run_id} "A film that one forgets while watching it."{flag}')


def _class_row(row: dict[str, Any]) -> tuple[str, ...]:
    figures = (score(row[name], row[f"{name}_low"], row[f"{name}_high"]) for name in ("precision", "recall", "f1"))
    return (row["label"], *figures, count(row["support"]))


def _comparison(one: RunComparison) -> dict[str, Any]:
    result = one.result
    return {
        "run": one.a.id,
        "against": one.b.id,
        "sentence": sentence(one),
        **{name: getattr(result, name) for name in ("verdict", "accuracy", "p", "fixed", "broken", "n")},
        "macro_f1": vars(result.macro_f1),
        "class_f1": {label: vars(gap) for label, gap in zip(one.labels, result.class_f1, strict=True)},
        "settings": one.settings,
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows with None, not NaN, for what is undefined."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> None:
    """Print a table; its first ``words`` columns are set left, the numbers behind them right."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        is_word = position < words or column == "text"
        table.add_column(column, justify="left" if is_word else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text: brackets in a name are no markup
    # A log file has no width of its own; 80 columns would cut the numbers.
    Console(width=None if sys.stdout.isatty() else 200).print(table)


def _shortened(text: str, width: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
