"""What the screens say in whole sentences, and how text from strangers is kept from being read as Markdown."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.evaluation.intervals import proportion
from core.formatting import FEW_EXAMPLES, count, number, p_value, percent, points, score, setting

if TYPE_CHECKING:
    from core.store.records import Dataset, Run
    from core.verdicts import RunComparison


def plain(text: object) -> str:
    r"""Return text that Markdown shows as it stands: ``*a*`` becomes ``\*a\*``."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(str(text).split()))


def best_so_far(row: Any) -> str:
    """Return the headline of the page of all runs, from a row of them."""
    what = "" if row.kind != "baseline" else ", a baseline"
    return f"Best so far: {row.label}{what}, macro F1 {score(row.macro_f1, row.macro_f1_low, row.macro_f1_high)}."


def without_rival(row: Any) -> str:
    """Return why the best run, from a row of them, is not held against a baseline."""
    return "No adapter beats it yet." if row.kind == "baseline" else "There is no baseline to hold it against yet."


def against_baseline(compared: "RunComparison") -> str:
    """Return the verdict on a run against the baseline that it has to beat."""
    gap = compared.result.macro_f1
    difference, baseline = points(gap.value, gap.low, gap.high), f"#{compared.b.id} {compared.b.name}"
    if compared.result.verdict == "helped":
        return f"It beats the baseline {baseline} by {difference} points of macro F1: helped."
    if compared.result.verdict == "hurt":
        return f"It falls behind the baseline {baseline} by {difference} points of macro F1: hurt."
    return f"Against the baseline {baseline}: {difference} points of macro F1. No evidence either way."


def accuracy_gap(compared: "RunComparison") -> str:
    """Return how two runs differ in accuracy."""
    gap = compared.result.accuracy
    said = points(gap.value, gap.low, gap.high)
    return f"Accuracy: {said} points, McNemar p {p_value(compared.result.p_accuracy)}."


def versions(compared: "RunComparison") -> str | None:
    """Return which package versions two runs differ in; None where they differ in none."""
    changes = [f"{name} {setting(ours)} ↔ {setting(theirs)}" for name, (ours, theirs) in compared.versions.items()]
    return f"Mind the versions: {', '.join(changes)}. A gap may be theirs." if changes else None


def against_next(compared: "RunComparison") -> str:
    """Return how the best adapter stands to the next one."""
    other = f"#{compared.b.id} {compared.b.name}"
    told_apart = compared.result.verdict == "helped"
    return f"It is better than {other}, the next adapter." if told_apart else f"Not told apart from {other}."


def failure_of(run: "Run") -> str:
    """Return why a run has no scores."""
    where = f" in the phase «{run.phase}»" if run.phase else ""
    return {
        "failed": f"This run failed{where}.",
        "cancelled": f"This run was stopped{where}.",
        "crashed": f"This run fell silent{where}: its process is gone.",
        "running": f"This run is at work{where}. Its scores come when it is done.",
    }.get(run.state, f"This run is {run.state}.")


def gap(label: str, other: str) -> str:
    """Return what the signs on the page of two runs mean."""
    return f"{label} minus {other}: a positive difference speaks for {label}. Points are percentage points."


def cost_quality(unknown: Sequence[str], title: str) -> str:
    """Return how to read the chart of cost against quality, and which runs are not in it: those of unknown cost."""
    read = "Bars: 95 % intervals. Line: the best score that each cost buys; it may be luck where intervals overlap."
    left_out = f" Left out, as nobody recorded their {title.partition(',')[0]}: {', '.join(unknown[:5])}"
    more = f" and {count(len(unknown) - 5)} more" if len(unknown) > 5 else ""
    return f"{read} Runs that cost nothing stand at 0.{left_out + more + '.' if unknown else ''}"


def best_of(row: Any, runs: int) -> str:
    """Return which of several runs has the highest score, from its row."""
    said = score(row.macro_f1, row.macro_f1_low, row.macro_f1_high)
    return f"{row.label} scores highest of these {runs}: macro F1 {said}."


def verdicts(counts: Mapping[str, int], first: str) -> str:
    """Return how many runs helped and hurt, held against the first one."""
    known = ("helped", "hurt", "no evidence either way")
    parts = [f"{count(counts[verdict])} {verdict}" for verdict in known if counts.get(verdict)]
    return f"Held against {first}: {', '.join(parts)}."


def settings(differing: pd.DataFrame, alike_: int) -> str:
    """Return in which settings two runs differ, from a frame of their names and the two runs' values."""
    changes = [f"{name} {ours} ↔ {theirs}" for name, ours, theirs in differing.itertuples(index=False, name=None)]
    return f"What differs: {' · '.join(changes) or 'nothing'} ({count(alike_)} settings alike)."


def alike(settings: int) -> str:
    """Return how many settings several runs have in common."""
    return f"{count(settings)} settings are alike. A dash: not used by this run."


def table_caption(name: str, examples: int, first: str | None = None, second: str | None = None) -> str:
    """Return what stands above a table that is taken away: the data set, n, what is subtracted, and the brackets."""
    minus = f" Differences: {first} minus {second}." if second else f" Differences: minus {first}." if first else ""
    return f"{name}, n = {count(examples)} test examples.{minus} In brackets: 95 % intervals."


def most_of(shown: int, total: int, what: str, which: str) -> str:
    """Return that a chart shows some of what there is; empty where it shows all."""
    return "" if shown >= total else f"Shown: {count(shown)} of {count(total)} {what}, those {which}. "


def said_of(example: Any, run: str, other: str) -> str:
    """Return what two runs said of an example, from its row."""
    said = f"{run} said {example.predicted} ({percent(example.confidence)} %), {other} said {example.other}"
    return f"True label: {example.label}. {said}."


def without_curve(labels: Sequence[str]) -> str:
    """Return which runs have no learning curve; empty where all have one."""
    some = f"{', '.join(labels[:5])}{f' and {count(len(labels) - 5)} more' if len(labels) > 5 else ''}"
    return f"Nothing was logged for {some}." if labels else ""


def shown_failures(wrong: int, total: int, shown: int, filters: Sequence[str]) -> str:
    """Return how many examples are wrong, how many are shown, and why."""
    share = proportion(wrong, total)
    said = score(share.value, share.low, share.high)
    head = f"{count(wrong)} of {count(total)} test examples are wrong: {said} %."
    return head if not filters else f"{head} Shown: {count(shown)} with {', '.join(filters)}."


def flips(counts: Mapping[str, int], other: str) -> str:
    """Return what a run made of another one's answers."""
    parts = (f"{count(counts.get(flip, 0))} {flip}" for flip in ("fixed", "broken", "both wrong"))
    return f"Against {other}: {', '.join(parts)}."


def of_dataset(dataset: "Dataset", balance: pd.DataFrame) -> str:
    """Return what a data set is."""
    sizes = balance.groupby("split")["count"].sum()
    parts = ", ".join(f"{count(sizes[split])} {split}" for split in ("train", "validation", "test"))
    return (
        f"{dataset.name}: {parts} examples; {len(dataset.labels)} labels. Text from the column "
        f"«{dataset.text_column}», labels from «{dataset.label_column}» of {dataset.source}."
    )


def remarks(checks: Mapping[str, Any], rare: pd.DataFrame) -> list[str]:
    """Return what to mind before believing a score on these data.

    ``rare``: label, count, share and half (the half width of the interval of its F1).
    """
    left_out = [f"{count(rows)} rows {reason} were left out." for reason, rows in checks.get("left_out", {}).items()]
    duplicates = [f"{count(rows)} in {split}" for split, rows in checks.get("duplicates", {}).items() if rows]
    leaked, near = checks.get("leaked_test_examples", 0), checks.get("near_duplicate_test_examples", 0)
    conflicts = checks.get("conflicting_texts", 0)
    return [
        *left_out,
        f"Texts that stand twice within a split: {', '.join(duplicates)}." if duplicates else "No text stands twice.",
        f"{_test_examples(leaked)} in the training or validation split: the scores flatter."
        if leaked
        else "No test example also stands in the training or validation split.",
        *([f"Near duplicates: {_test_examples(near)} there with few changes."] if near else []),
        *([f"Texts that stand with more than one label: {count(conflicts)}."] if conflicts else []),
        *map(_rare, rare.rename(columns={"count": "count_"}).itertuples()),
    ]


def _test_examples(number_: int) -> str:
    return f"{count(number_)} test {'example also stands' if number_ == 1 else 'examples also stand'}"


def _rare(row: Any) -> str:
    """Return how well the figures of a rare class can be known."""
    known = f"Its F1 is known to ± {points(row.half)[1:]} points at best." if row.half == row.half else ""
    few = f"That is too few to tell (fewer than {FEW_EXAMPLES})." if row.count_ < FEW_EXAMPLES else ""
    head = f"«{row.label}» is rare: {percent(row.share)} % of the test set, {count(row.count_)} examples."
    return f"{head} {few or known or 'Its figures are uncertain.'}"


def suspects(found: int, total: int, label: str) -> str:
    """Return how many labels are in doubt, and who doubts them."""
    who = f"judged by the probabilities of {label}"
    if not found:
        return f"No label of the {count(total)} test examples is in doubt, {who}."
    return f"{count(found)} of {count(total)} labels of the test set are in doubt, {who}."


def calibration(temperature: float) -> str:
    """Return what the fitted temperature says of a run."""
    fitted = f"The temperature fitted on the validation examples is {number(temperature)}: as trained,"
    if temperature > 1:
        return f"{fitted} the run is surer than it should be."
    return f"{fitted} the run is less sure than it could be."


def temperature(fitted: float | None) -> str:
    """Return whether the probabilities of an answer are calibrated."""
    if fitted is None:
        return "Not calibrated: this run has no fitted temperature."
    return f"Calibrated with the temperature fitted on the validation examples, {number(fitted)}."


def abstaining(split: str, row: Any) -> str:
    """Return what answering only when sure gives on a split, from a row of its figures."""
    answered = score(row.coverage, row.coverage_low, row.coverage_high)
    right = score(row.accuracy, row.accuracy_low, row.accuracy_high)
    return f"{split.capitalize()}: {answered} % answered, of these {right} % right."


def answer(probabilities: pd.DataFrame, threshold: float = 0.0) -> str:
    """Return the most probable label with its probability; below the threshold, that it is unsure."""
    first = probabilities.loc[probabilities["probability"].idxmax()]
    if first["probability"] < threshold:
        return f"unsure: {first['label']} is the likeliest, {percent(first['probability'])} %"
    return f"{first['label']}, {percent(first['probability'])} %"
