"""The runs of a report: those that can be compared, those that cannot, and their configurations."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.errors import RequestError
from core.report.comparisons import common_labels
from core.report.document import MAX_RUNS
from core.report.palette import run_colors
from core.report.run_status import describe_state
from core.store import queries
from core.store.engine import Store
from core.store.records import Dataset, Run
from core.text.sanitize import to_single_line

MAX_LABEL_CHARACTERS = 60


@dataclass(frozen=True)
class Configuration:
    """The selected runs of one configuration, by seed, and the one whose macro F1 is closest to their mean."""

    runs: tuple[Run, ...]
    typical: Run

    @property
    def seeds(self) -> int:
        """The number of different seeds."""
        return len({run.seed for run in self.runs})

    @property
    def label(self) -> str:
        """The run's label; of several, the name and their number."""
        if len(self.runs) == 1:
            return run_label(self.typical)
        number = f"{self.seeds} seeds" if self.seeds > 1 else f"{len(self.runs)} runs"
        return f"{to_single_line(self.typical.name)}, {number}"


@dataclass(frozen=True)
class Selection:
    """The content of a report before it is written.

    ``runs``: the complete ones, highest macro F1 first. ``excluded``: a sentence for each of the others.
    ``baselines``: the best baselines of these runs that are not selected themselves. ``rows``: of `queries.runs`, by
    run id, for runs and baselines.
    """

    store: Store
    labels: tuple[str, ...]
    test_size: int
    datasets: tuple[Dataset, ...]
    runs: tuple[Run, ...]
    excluded: tuple[str, ...]
    baselines: tuple[Run, ...]
    rows: pd.DataFrame
    colors: dict[int, str]

    @property
    def shown(self) -> tuple[Run, ...]:
        """Runs and baselines, highest macro F1 first."""
        return _by_score((*self.runs, *self.baselines), self.rows)

    @property
    def configurations(self) -> list[Configuration]:
        """The configurations of the runs, highest mean of macro F1 first."""
        frame = pd.DataFrame(
            {"run": self.runs, "key": [run.group_key or run.id for run in self.runs], "score": self._scores()}
        )
        frame["mean"] = frame.groupby("key")["score"].transform("mean")
        frame["distance"] = (frame["score"] - frame["mean"]).abs()
        groups = frame.sort_values("mean", ascending=False, kind="stable").groupby("key", sort=False)
        return [
            Configuration(
                tuple(sorted(group["run"], key=lambda run: (run.seed or 0, run.id))),
                group.sort_values("distance", kind="stable")["run"].iloc[0],
            )
            for _, group in groups
        ]

    def _scores(self) -> list[float]:
        return [float(self.rows.loc[run.id, "macro_f1"]) for run in self.runs]


def run_label(run: Run) -> str:
    """Return the id and the name of a run."""
    return f"#{run.id} {to_single_line(run.name)}"


def class_label(label: str) -> str:
    """Return a label on one line, shortened to fit a table."""
    line = to_single_line(label)
    return line if len(line) <= MAX_LABEL_CHARACTERS else f"{line[:MAX_LABEL_CHARACTERS]}…"


def best_baseline(store: Store, run: Run) -> int | None:
    """Return the id of a run's recorded baseline, else of the best one on its data; None for a baseline."""
    if run.kind == "baseline" or run.dataset_id is None:
        return None
    return run.baseline_id or queries.best_baseline(store, run.dataset_id, run.seed)


def select_runs(store: Store, run_ids: Sequence[int]) -> Selection:
    """Read the runs of a report.

    Raises `RequestError` for too many runs, for none that is complete, and for different test sets.
    """
    run_ids = list(dict.fromkeys(run_ids))
    if len(run_ids) > MAX_RUNS:
        raise RequestError(
            f"A report covers at most {MAX_RUNS} runs, not {len(run_ids)}. Pass fewer run ids.", code="too_many_runs"
        )
    requested = [queries.run(store, run_id) for run_id in run_ids]
    reasons = {run.id: _reason_to_exclude(store, run) for run in requested}
    runs = [run for run in requested if reasons[run.id] is None]
    excluded = tuple(reason for reason in reasons.values() if reason)
    if not runs:
        raise RequestError(
            f"There is nothing to report. {' '.join(excluded)} List complete runs: {store.format_command('list')}",
            code="no_complete_run",
        )
    labels = _labels_of_test_set(store, runs)
    baseline_ids = dict.fromkeys(run_id for run in runs if (run_id := best_baseline(store, run)))
    baselines = [queries.run(store, run_id) for run_id in baseline_ids if run_id not in reasons]
    ids = [run.id for run in (*runs, *baselines)]
    rows = queries.runs(store, ids, trash=True).set_index("id", drop=False)
    dataset_ids = dict.fromkeys(run.dataset_id for run in runs if run.dataset_id is not None)
    return Selection(
        store,
        labels,
        _test_size(store, runs[0]),
        tuple(queries.dataset(store, dataset_id) for dataset_id in dataset_ids),
        _by_score(runs, rows),
        excluded,
        tuple(baselines),
        rows,
        run_colors(ids),
    )


def _by_score(runs: Sequence[Run], rows: pd.DataFrame) -> tuple[Run, ...]:
    """Return runs by macro F1, the highest first; those without a score last."""
    scores = rows["macro_f1"].astype(float).fillna(-1)
    return tuple(sorted(runs, key=lambda run: (-scores[run.id], run.id)))


def _test_size(store: Store, run: Run) -> int:
    assert run.dataset_id is not None
    balance = queries.class_balance(store, run.dataset_id)
    return int(balance.loc[balance["split"] == "test", "count"].sum())


def _reason_to_exclude(store: Store, run: Run) -> str | None:
    """Return why a run has no results to report; None if it has some."""
    if run.state != "complete":
        return f"Run {run_label(run)} {describe_state(run)}"
    if run.dataset_id is None or queries.predicted_label_counts(store, [run.id]).empty:
        return f"Run {run_label(run)} has no stored predictions."
    return None


def _labels_of_test_set(store: Store, runs: Sequence[Run]) -> tuple[str, ...]:
    """Return the labels of the runs' test set. Raises `RequestError` if they have several."""
    try:
        for other in runs[1:]:
            common_labels(store, runs[0], other)
        return common_labels(store, runs[0], runs[0])
    except RequestError as error:
        raise RequestError(f"{error} Make one report for each test set.", code=error.code) from None
