"""The report after runs: their scores, verdicts, files, and the next commands."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cli.console import print_table, print_text, to_records
from core.catalog.figures import FIGURES
from core.report.comparisons import RunComparison, compare_runs, holm_adjusted_p
from core.report.truncation import truncation_note
from core.report.verdicts import verdict_sentence
from core.store import queries
from core.store.engine import DEFAULT_DATABASE, Store
from core.store.records import is_resumable
from core.text.formatting import format_bytes, format_p_value, format_percent
from core.text.sanitize import to_single_line

MAX_LABEL_COLUMNS = 5
"""With more labels, the table shows the lowest F1 scores instead of a column per label."""
_LOWEST_COUNT = 3
_SCORES = (FIGURES["macro_f1"], FIGURES["accuracy"])
_COSTS = (FIGURES["train_seconds"], FIGURES["trainable_parameters"])


@dataclass(frozen=True)
class BaselineVerdict:
    """A run compared with its best baseline; p is Holm-adjusted for the runs that share this baseline."""

    comparison: RunComparison
    adjusted_p: float
    runs_compared: int


@dataclass(frozen=True)
class RunReport:
    """The content of a report: rows of `queries.runs`, scores per label, verdicts, and resume commands by run id.

    ``notes``: a sentence for each trained run that truncated many test texts.
    """

    runs: pd.DataFrame
    class_metrics: pd.DataFrame
    verdicts: tuple[BaselineVerdict, ...]
    resume_commands: dict[int, str]
    store: Store
    notes: tuple[str, ...] = ()


def collect_report(store: Store, run_ids: Sequence[int]) -> RunReport:
    """Read and compute everything that `print_report` prints."""
    runs = queries.runs(store).set_index("id", drop=False).loc[list(dict.fromkeys(run_ids))]
    commands = {run.id: command for run in runs.itertuples() if (command := resume_command(store, run))}
    notes = [truncation_note(queries.run(store, run.id)) for run in runs.itertuples() if run.kind != "baseline"]
    return RunReport(
        runs=runs,
        class_metrics=queries.class_metrics(store, run_ids),
        verdicts=tuple(_compare_with_baselines(store, runs)),
        resume_commands=commands,
        store=store,
        notes=tuple(note for note in notes if note),
    )


def _compare_with_baselines(store: Store, runs: pd.DataFrame) -> list[BaselineVerdict]:
    trained = runs[(runs["kind"] != "baseline") & (runs["state"] == "complete")]
    verdicts = []
    for baseline, group in trained.dropna(subset="baseline_id").groupby("baseline_id", sort=False):
        comparisons = [compare_runs(store, run_id, int(baseline)) for run_id in group["id"]]
        for comparison, p in zip(comparisons, holm_adjusted_p(comparisons), strict=True):
            verdicts.append(BaselineVerdict(comparison, p, len(comparisons)))
    return verdicts


def resume_command(store: Store, run: Any) -> str | None:
    """Return the command that resumes a run; None if it is not resumable."""
    resumable = isinstance(run.work_path, str) and is_resumable(run.state, run.error_type)
    return store.format_command(f"resume {run.id}") if resumable else None


def print_report(report: RunReport) -> None:
    """Print the scores of runs, failures, verdicts, files, and the next commands."""
    _print_scores(report.runs, report.class_metrics)
    for run in report.runs[report.runs["state"] != "complete"].itertuples():
        print_text(
            f"Run {run.id} ({to_single_line(run.name)}) {describe_state(run, report.resume_commands.get(run.id))}"
        )
    for verdict in report.verdicts:
        _print_verdict(verdict)
    for note in report.notes:
        print_text(note)
    trained = report.runs[(report.runs["kind"] != "baseline") & (report.runs["state"] == "complete")]
    for run in trained.itertuples():
        title = "Adapter" if run.kind == "adapter" else "Model"
        print_text(f"{title}: {report.store.folder / run.adapter_path} ({format_bytes(run.adapter_bytes)})")
    if not trained.empty:
        _print_next_steps(int(trained.index[-1]), report.store)


def describe_state(run: Any, resume: str | None = None) -> str:
    """Describe the state of an incomplete run (a record or a row of `queries.runs`), and how to resume it."""
    phase = f" in the {run.phase} phase" if run.phase else ""
    verb = {
        "running": "is running",
        "crashed": "crashed (no heartbeat)",
        "cancelled": "was stopped",
        "validated": "was evaluated on the validation split only, as a trial of a search",
        "pruned": "was pruned",
    }
    reason = f": {run.error_message}" if run.state == "failed" else ""
    text = f"{verb.get(run.state, run.state)}{phase}{reason}"
    text += "" if text.endswith(".") else "."
    return f"{text} Resume it: {resume}" if resume else text


def _print_verdict(verdict: BaselineVerdict) -> None:
    comparison, count = verdict.comparison, verdict.runs_compared
    names = f"{to_single_line(comparison.a.name)} compared with its best baseline, {to_single_line(comparison.b.name)}"
    adjusted = f"Holm-adjusted for {count} runs: p {format_p_value(verdict.adjusted_p)}." if count > 1 else ""
    print_text(f"{names}. {verdict_sentence(comparison, adjusted)}")


def _print_scores(runs: pd.DataFrame, class_metrics: pd.DataFrame) -> None:
    """Print one table per set of labels, with a row per run."""
    f1_scores = {run_id: to_records(rows) for run_id, rows in class_metrics.groupby("run_id")}
    labels_of = {run_id: tuple(row["label"] for row in rows) for run_id, rows in f1_scores.items()}
    for labels in dict.fromkeys(labels_of.values()):
        many = len(labels) > MAX_LABEL_COLUMNS
        rows = [
            (
                str(run.id),
                run.name,
                *(figure.format_row(run) for figure in _SCORES),
                *([_format_lowest(f1_scores[run.id])] if many else map(FIGURES["f1"].format_row, f1_scores[run.id])),
                *(figure.format_row(run) for figure in _COSTS),
            )
            for run in runs.itertuples()
            if labels_of.get(run.id) == labels
        ]
        label_columns = ["lowest F1"] if many else [f"F1 {label}" for label in labels]
        scores, costs = ([figure.title for figure in figures] for figures in (_SCORES, _COSTS))
        print_table(("run", "name", *scores, *label_columns, *costs), rows, text_columns=2)
        if many:
            print_text(f"To show the scores of all {len(labels)} labels: python runner.py show RUN")


def _format_lowest(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the labels with the lowest F1 scores: ``anger 41.2, joy 45.0, fear 51.1``."""
    scored = sorted((row for row in rows if row["f1"] is not None), key=lambda row: float(row["f1"]))
    return ", ".join(f"{to_single_line(row['label'])} {format_percent(row['f1'])}" for row in scored[:_LOWEST_COUNT])


def _print_next_steps(run_id: int, store: Store) -> None:
    """Print commands to copy and paste, with the Python interpreter of this process."""
    variable = f"RUNS_DB={shlex.quote(store.address)} " if store.address != str(DEFAULT_DATABASE) else ""
    executable = Path(sys.executable)
    python = executable.relative_to(Path.cwd()) if executable.is_relative_to(Path.cwd()) else executable
    print_text("Next:")
    print_text(f"  {variable}{python} -m streamlit run dashboard/Home.py      compare runs and see failures")
    for command in (f"show {run_id}", f'predict {run_id} "A film to remember."'):
        print_text(f"  {store.format_command(command).replace('python', str(python), 1)}")
