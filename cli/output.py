"""What is printed on standard output: tables and sentences, or JSON."""

import json
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from core.catalog.methods import METHODS
from core.evaluation.seeds import spread
from core.report.verdicts import (
    ConfigurationComparison,
    RunComparison,
    compare_runs,
    configuration_sentence,
    holm_adjusted_p,
    margin_sentence,
    training_warning,
    verdict_sentence,
)
from core.store import queries
from core.store.engine import DEFAULT_DATABASE, Store
from core.store.records import Run, is_resumable
from core.text.formatting import (
    DASH,
    MIN_SUPPORT,
    format_bytes,
    format_class_score,
    format_count,
    format_duration,
    format_number,
    format_p_value,
    format_parameters,
    format_percent,
    format_points,
    format_score,
    format_setting,
)
from core.text.sanitize import escape_invisible, escape_json, to_single_line

if TYPE_CHECKING:
    from core.serving.recheck import RecheckResult

    pass

SENTENCES = ("text", "what it is")
"""Columns that wrap where room is scarce."""
SHARES = ("accuracy", "macro_f1", "balanced_accuracy", "ece")
"""Metrics that are read in percent, by how their names begin."""


def print_runs(runs: pd.DataFrame, *, as_json: bool) -> None:
    """Print a line a run."""
    if as_json:
        print_json(_records(runs))
    elif runs.empty:
        say("No runs yet. Begin with: python runner.py --r 8 --epochs 2")
    else:
        rows = [
            (
                str(run.id),
                run.name,
                run.kind,
                run.dataset if isinstance(run.dataset, str) else DASH,
                run.state,
                format_score(run.macro_f1, run.macro_f1_low, run.macro_f1_high),
                format_points(
                    run.macro_f1_over_baseline, run.macro_f1_over_baseline_low, run.macro_f1_over_baseline_high
                ),
                format_score(run.accuracy, run.accuracy_low, run.accuracy_high),
                format_duration(run.train_seconds),
                format_parameters(run.trainable_parameters, run.total_parameters),
            )
            for run in runs.itertuples()
        ]
        over = "over best baseline"
        head = ("run", "name", "kind", "data", "status", "macro F1", over, "accuracy", "training", "trained weights")
        print_table(head, rows, words=5)


def print_run(store: Store, run: Run, metrics: pd.DataFrame, classes: pd.DataFrame, *, as_json: bool) -> None:
    """Print one run: settings, cost and test scores."""
    if as_json:
        print_json(vars(run) | {"status": run.state, "metrics": _records(metrics), "class_metrics": _records(classes)})
        return
    say(f"Run {run.id}: {to_single_line(run.name)} ({METHODS[run.method].title}), {run.state}")
    if run.state != "complete":
        say(f"It {how_it_ended(run)}{_how_to_go_on(store, run)}")
    facts = {
        "trained weights": format_parameters(run.trainable_parameters, run.total_parameters),
        "training": format_duration(run.train_seconds),
        "evaluation": format_duration(run.evaluation_seconds),
        "base in memory": format_bytes(run.base_memory_bytes),
        "most memory": format_bytes(run.peak_memory_bytes),
        "files": f"{run.adapter_path or DASH} ({format_bytes(run.adapter_bytes)})",
    }
    for name, value in (run.config | facts).items():
        say(f"  {name:16} {format_setting(value)}")
    print_table(("metric", "test, 95 %"), _figures(metrics[metrics["split"] == "test"]))
    print_table(("label", "precision", "recall", "F1", "examples"), [_class_row(one) for one in _records(classes)])


def how_it_ended(run: Any) -> str:
    """Return what became of a run without scores: of a record, or of a row of `queries.runs`."""
    where = f" in the phase «{run.phase}»" if run.phase else ""
    if run.state == "running":
        return f"is at work{where}."
    told = {"crashed": "fell silent", "cancelled": "was stopped"}.get(run.state, run.state)
    why = {"crashed": ": its process is gone", "failed": f": {run.error_message}"}.get(run.state, "")
    return f"{told}{where}{why}{'' if why.endswith('.') else '.'}"


def _how_to_go_on(store: Store, run: Any) -> str:
    left = isinstance(run.work_path, str) and is_resumable(run.state, run.error_type)
    return f" Go on with it: {store.format_command(f'resume {run.id}')}" if left else ""


def _figures(metrics: pd.DataFrame) -> list[tuple[str, str]]:
    """Return name and figure of each metric; an ECE stands beside what a perfectly calibrated run would show."""
    rows = []
    by_name = {row["name"]: row for row in _records(metrics)}
    for name, row in by_name.items():
        if name.startswith("ece_null"):
            continue
        interval = row["value"], row["low"], row["high"]
        if name.endswith("_over_baseline_p"):
            figure = format_p_value(row["value"]).removeprefix("= ")
        elif name.endswith("_over_baseline"):
            figure = f"{format_points(*interval)} points"
        else:
            figure = format_score(*interval) if name.startswith(SHARES) else format_number(*interval)
        null = by_name.get(name.replace("ece", "ece_null"))
        if name.startswith("ece") and null:
            figure += f", perfectly calibrated {format_percent(null['low'])}–{format_percent(null['high'])}"
        rows.append((name, figure))
    return rows


def print_groups(runs: pd.DataFrame, *, as_json: bool) -> None:
    """Print a line a configuration: mean, deviation and range of its complete runs' macro F1 over the seeds."""
    complete = runs[(runs["state"] == "complete") & runs["macro_f1"].notna()]
    groups = [(group, spread(group["macro_f1"].tolist())) for _, group in complete.groupby("group_key", sort=False)]
    found = [(group, over) for group, over in groups if over is not None]
    if as_json:
        print_json([{"runs": group["id"].tolist(), "macro_f1": vars(over)} for group, over in found])
        return
    rows = [
        (
            group["name"].iloc[0],
            group["dataset"].iloc[0],
            str(over.n),
            format_percent(over.mean),
            DASH if over.deviation is None else f"± {format_percent(over.deviation)}",
            DASH if over.n == 1 else f"{format_percent(over.lowest)}–{format_percent(over.highest)}",
            ", ".join(map(str, group["id"])),
        )
        for group, over in found
    ]
    print_table(("name", "data", "seeds", "mean macro F1", "deviation", "range", "runs"), rows, words=2)


def print_comparisons(
    comparisons: Sequence[RunComparison], over_seeds: Sequence[ConfigurationComparison | None], *, as_json: bool
) -> None:
    """Print each comparison: the verdict, what differs, and the difference class by class."""
    adjusted = holm_adjusted_p(comparisons)
    if as_json:
        print_json([_comparison(*one) for one in zip(comparisons, over_seeds, adjusted, strict=True)])
        return
    for one, configuration, p in zip(comparisons, over_seeds, adjusted, strict=True):
        say(f"Run {one.a.id} ({to_single_line(one.a.name)}) against run {one.b.id} ({to_single_line(one.b.name)})")
        say(verdict_sentence(one))
        if configuration is not None:
            say(configuration_sentence(configuration))
        if len(comparisons) > 1:
            say(
                f"Adjusted for {len(comparisons)} runs (Holm): p {format_p_value(p)}; the interval is not: exploratory."
            )
        say(margin_sentence(one.result))
        accuracy = format_points(*vars(one.result.accuracy).values())
        say(f"Accuracy: {accuracy} points, McNemar p {format_p_value(one.result.p_accuracy)}.")
        changes = [
            f"{name} {format_setting(ours)} ↔ {format_setting(theirs)}" for name, (ours, theirs) in one.settings.items()
        ]
        say(f"What differs: {' · '.join(changes) or 'nothing'}")
        if one.versions:
            say(f"Mind the versions: {_versions(one.versions)}. A gap may be theirs.")
        _print_classes(one)


def _print_classes(comparison: RunComparison) -> None:
    """Print the difference of each class, regressions first."""
    found = zip(comparison.labels, comparison.result.classes, strict=True)
    ordered = sorted(found, key=lambda pair: (pair[1].f1.value is None, pair[1].f1.value))
    rows = [
        (
            label,
            *(format_points(gap.value, gap.low, gap.high) for gap in (one.f1, one.recall, one.precision)),
            format_p_value(one.p).removeprefix("= "),
            format_count(one.fixed),
            format_count(one.broken),
            format_count(one.support) + (" (too few)" if one.support < MIN_SUPPORT else ""),
        )
        for label, one in ordered
    ]
    print_table(("label", "F1, points", "recall", "precision", "p (Holm)", "fixed", "broken", "examples"), rows)


def print_recheck(found: "RecheckResult", *, as_json: bool) -> None:
    """Print whether a run still says what it said."""
    if as_json:
        print_json(vars(found))
        return
    head = "Drifted" if found.drifted else "Nothing drifted"
    say(
        f"{head}: {format_count(found.changed_labels)} of {format_count(found.examples)} labels changed; "
        f"a probability moved by {found.max_difference:.2g} at most."
    )
    say(f"Versions that differ: {_versions(found.versions)}" if found.versions else "The versions are the same.")


def _versions(versions: Mapping[str, Sequence[object]]) -> str:
    return ", ".join(f"{name} {format_setting(then)} ↔ {format_setting(now)}" for name, (then, now) in versions.items())


def print_predictions(
    texts: Sequence[str], labels: Sequence[str], probabilities: NDArray[np.float32], *, as_json: bool
) -> None:
    """Print each text's label and the probabilities, [n, k], of all labels; nothing where they are NaN."""
    answers: list[dict[str, Any]] = [
        {
            "text": text,
            "label": None if np.isnan(row[0]) else labels[int(row.argmax())],
            "probabilities": {
                label: None if share != share else share for label, share in zip(labels, row.tolist(), strict=True)
            },
        }
        for text, row in zip(texts, probabilities, strict=True)
    ]
    if as_json:
        print_json(answers)
        return
    rows = [
        (one["label"] or DASH, *map(format_percent, one["probabilities"].values()), _shortened(one["text"]))
        for one in answers
    ]
    print_table(("label", *(f"{label} %" for label in labels), "text"), rows, words=1)


def print_report(store: Store, ids: Sequence[int]) -> None:
    """Print what a request gave: runs with their classes, failures, verdicts, and what to do next."""
    runs = queries.runs(store).set_index("id", drop=False).loc[list(dict.fromkeys(ids))]
    _print_scores(runs, queries.class_metrics(store, ids))
    for run in runs[runs["state"] != "complete"].itertuples():
        say(f"Run {run.id} ({to_single_line(run.name)}) {how_it_ended(run)}{_how_to_go_on(store, run)}")
    adapters = runs[(runs["kind"] != "baseline") & (runs["state"] == "complete")]
    _print_verdicts(store, adapters)
    for run in adapters.itertuples():
        what = "Adapter" if run.kind == "adapter" else "Model"
        say(f"{what}: {store.folder / run.adapter_path} ({format_bytes(run.adapter_bytes)})")
    if not adapters.empty:
        _print_next(int(adapters.index[-1]), store)


def _print_verdicts(store: Store, adapters: pd.DataFrame) -> None:
    """Print how each adapter stands to its best baseline, with Holm's p where several stand to the same one."""
    for baseline, measured in adapters.dropna(subset="baseline_id").groupby("baseline_id", sort=False):
        compared = [compare_runs(store, run_id, int(baseline)) for run_id in measured["id"]]
        for one, p in zip(compared, holm_adjusted_p(compared), strict=True):
            several = f" Adjusted for {len(compared)} runs (Holm): p {format_p_value(p)}." if len(compared) > 1 else ""
            say(
                f"{to_single_line(one.a.name)} against its best baseline, {to_single_line(one.b.name)}. "
                f"{verdict_sentence(one)}{several}"
            )
            warning = training_warning(store, one.a)
            if warning:
                say(f"  {warning}")


def _print_scores(runs: pd.DataFrame, classes: pd.DataFrame) -> None:
    """Print one table for each set of labels: runs as rows, the classes' F1 among the columns."""
    f1 = {
        run_id: {row["label"]: _class_figure(row, "f1") for row in _records(rows)}
        for run_id, rows in classes.groupby("run_id")
    }
    for labels in dict.fromkeys(tuple(one) for one in f1.values()):
        rows = [
            (
                str(run.id),
                run.name,
                format_score(run.macro_f1, run.macro_f1_low, run.macro_f1_high),
                format_score(run.accuracy, run.accuracy_low, run.accuracy_high),
                *f1[run.id].values(),
                format_duration(run.train_seconds),
                format_parameters(run.trainable_parameters, run.total_parameters),
            )
            for run in runs.itertuples()
            if tuple(f1.get(run.id, ())) == labels
        ]
        of_classes = (f"F1 {label}" for label in labels)
        head = ("run", "name", "macro F1", "accuracy", *of_classes, "training", "trained weights")
        print_table(head, rows, words=2)


def _print_next(run_id: int, store: Store) -> None:
    """Print commands that can be pasted as they stand, with this very Python."""
    variable = f"RUNS_DB={shlex.quote(store.address)} " if store.address != str(DEFAULT_DATABASE) else ""
    here = Path(sys.executable)
    python = here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here
    say("Next:")
    say(f"  {variable}{python} -m streamlit run dashboard/Home.py      compare runs, look at failures, try the adapter")
    for words in (f"show {run_id}", f'predict {run_id} "A film that one forgets while watching it."'):
        say(f"  {store.format_command(words).replace('python', str(python), 1)}")


def _class_figure(row: Mapping[str, Any], name: str) -> str:
    return format_class_score(row[name], row[f"{name}_low"], row[f"{name}_high"], row["support"])


def _class_row(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["label"],
        *(_class_figure(row, name) for name in ("precision", "recall", "f1")),
        format_count(row["support"]),
    )


def _comparison(one: RunComparison, configuration: ConfigurationComparison | None, adjusted: float) -> dict[str, Any]:
    return {
        "run": one.a.id,
        "against": one.b.id,
        "sentence": verdict_sentence(one),
        **asdict(one.result),
        "classes": {label: asdict(gap) for label, gap in zip(one.labels, one.result.classes, strict=True)},
        "p_adjusted": adjusted,
        "settings": one.settings,
        "versions": one.versions,
        "over_seeds": None if configuration is None else asdict(configuration.result),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows with None, not NaN, for what is undefined."""
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", date_format="iso", double_precision=15))
    return rows


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(escape_json(json.dumps(value, indent=2, default=str, ensure_ascii=False)))


def say(text: str) -> None:
    """Print a line; what a name or a text holds can't move the cursor or colour the terminal."""
    print(escape_invisible(text))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> None:
    """Print a table; its first ``words`` columns are set left, the numbers behind them right.

    A last column of whole sentences wraps. Where the rest is too wide, the last columns are left
    out rather than all of them cut, and named beneath.
    """
    # A log file has no width of its own; 80 columns would cut the numbers.
    console = Console(width=None if sys.stdout.isatty() else 200)
    shown = len(columns)
    while shown > 2 and not _fits(console, _table(columns[:shown], rows, words)):
        shown -= 1
    console.print(_table(columns[:shown], rows, words))
    if shown < len(columns):
        console.print(
            Text(f"No room for: {', '.join(map(to_single_line, columns[shown:]))}. A wider window shows them.")
        )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for position, column in enumerate(columns):
        sentences = column in SENTENCES
        widest = 24 if sentences else max(cell_len(_cell(cell)) for cell in (column, *(row[position] for row in rows)))
        side: Literal["left", "right"] = "left" if position < words or sentences else "right"
        table.add_column(Text(_cell(column)), justify=side, no_wrap=not sentences, min_width=widest)
    for row in rows:
        table.add_row(*(Text(_cell(cell)) for cell in row[: len(columns)]))  # Text: brackets are no markup
    return table


def _cell(text: str) -> str:
    return escape_invisible(" ".join(text.splitlines()))


def _fits(console: Console, table: Table) -> bool:
    """Tell whether no column of figures would be cut: sentences may wrap."""
    return console.measure(table, options=console.options.update(max_width=10_000)).minimum <= console.width


def _shortened(text: str, width: int = 80) -> str:
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 1]}…"
