"""What the screens say in whole sentences, and how text from strangers is kept from being read as Markdown."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from core.evaluation.intervals import proportion
from core.formatting import (
    DASH,
    count,
    duration,
    megabytes,
    number,
    p_value,
    percent,
    points,
    score,
    setting,
)

if TYPE_CHECKING:
    from core.store.records import Run
    from core.verdicts import ConfigurationComparison, RunComparison


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


def of_its_seeds(found: "ConfigurationComparison | None") -> str:
    """Return what the seeds of a run's configuration say of it, against those of its baseline."""
    if found is None:
        return "This is one seed: how much of it is luck, more seeds would tell."
    gap, seeds = found.result.macro_f1, len(found.result.per_seed)
    verdict = "no evidence either way" if found.result.verdict.startswith("no") else found.result.verdict
    return f"Over {count(seeds)} seeds: {points(gap.value, gap.low, gap.high)} points of macro F1, {verdict}."


def price(compared: "RunComparison") -> str:
    """Return what a run's difference in macro F1 to its baseline took."""
    ours, theirs, gap = compared.a, compared.b, compared.result.macro_f1
    return (
        f"{points(gap.value, gap.low, gap.high)} points of macro F1 for {duration(ours.train_seconds)} of training "
        f"instead of {duration(theirs.train_seconds)}, and {megabytes(ours.adapter_bytes)} on disk instead of "
        f"{megabytes(theirs.adapter_bytes)}."
    )


def kept_epoch(kept: Any) -> str:
    """Return which epoch was kept and how it did, and how the last one did: best value, not last.

    ``kept``: epoch, value, low, high, last_epoch and last_value, of macro F1 on the validation examples.
    """
    said = f"macro F1 {score(kept.value, kept.low, kept.high)} on the validation examples"
    if kept.epoch == kept.last_epoch:
        return f"Kept: epoch {kept.epoch:g}, the best and the last, with {said}."
    last = f"The last one, epoch {kept.last_epoch:g}, had {percent(kept.last_value)}."
    return f"Kept: epoch {kept.epoch:g}, the best, with {said}. {last}"


def silence(run: "Run") -> str:
    """Return what is last known of a run that fell silent, and what to do."""
    beat = (
        f"Last sign of life: {moment(run.heartbeat_at)}, process {run.pid} on {run.host}. " if run.heartbeat_at else ""
    )
    return f"{beat}What it had recorded is kept; make it again with the command below."


def kind_of(row: Any) -> str:
    """Return what a run is, and of what state, from its row."""
    what = [row.kind, row.title, *([] if row.model == "none" else [row.model]), row.state]
    return f"{' · '.join(what)}. {row.note}"


def files_gone(run: "Run") -> str:
    """Return which folder of a run is missing, and what works without it."""
    return (
        f"The files of this run are gone: there is no folder {run.adapter_path} beside the database. Its scores, "
        "predictions and settings are all here; it can't be tried or downloaded until the folder is back."
    )


def trashed(run: "Run") -> str:
    """Return that a run lies in the trash."""
    return (
        f"This run lies in the trash since {moment(run.deleted_at)}: no other page shows it, and nothing of it is lost."
    )


def moment(when: datetime | None) -> str:
    """Return a time as people write it, in UTC."""
    return DASH if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def accuracy_gap(compared: "RunComparison") -> str:
    """Return how two runs differ in accuracy."""
    gap = compared.result.accuracy
    said = points(gap.value, gap.low, gap.high)
    return f"Accuracy: {said} points, McNemar p {p_value(compared.result.p_accuracy)}."


def versions(compared: "RunComparison") -> str | None:
    """Return which package versions two runs differ in; None where they differ in none."""
    changes = [f"{name} {setting(ours)} ↔ {setting(theirs)}" for name, (ours, theirs) in compared.versions.items()]
    return f"Mind the versions: {', '.join(changes)}. A gap may be theirs." if changes else None


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


def suspects(found: int, total: int, label: str) -> str:
    """Return how many labels are in doubt, and who doubts them."""
    who = f"judged by the probabilities of {label}"
    if not found:
        return f"No label of the {count(total)} test examples is in doubt, {who}."
    return f"{count(found)} of {count(total)} labels of the test set are in doubt, {who}."


def suspicion(label: str, suggested: str, quality: float) -> str:
    """Return why an example's label is in doubt."""
    return (
        f"Its label is in doubt: the run's probabilities speak for {suggested} instead of {label} "
        f"(quality of the label {percent(quality)} %). The run may be the one that is wrong."
    )


def slices(found: pd.DataFrame, looked_at: int) -> list[str]:
    """Return on which kinds of texts a run errs more than elsewhere. ``found``: name, p, wrong, rest and gap."""
    if not looked_at:
        return ["There are too few examples, or too few mistakes, to look for kinds of texts."]
    worse = found[(found["p"] < 0.05) & (found["gap"] > 0)]
    if worse.empty:
        return [f"No slice stands out: of {count(looked_at)} looked at, none has more mistakes than chance explains."]
    head = f"{count(len(worse))} of {count(looked_at)} slices looked at have more mistakes than chance explains."
    if len(worse) == 1:
        head = f"1 of {count(looked_at)} slices looked at has more mistakes than chance explains."
    rows = worse.head(3).itertuples()
    return [head, *(f"{one.name}: {percent(one.wrong)} % wrong against {percent(one.rest)} %." for one in rows)]


def annotations_found(found: int, new: int, unknown: int) -> str:
    """Return what a file of annotations holds."""
    elsewhere = f" {count(unknown)} texts are not in this data set and are left out." if unknown != 1 else ""
    elsewhere = " 1 text is not in this data set and is left out." if unknown == 1 else elsewhere
    head = f"{count(found)} annotations" if found != 1 else "1 annotation"
    return f"{head}, {count(new)} of them new or changed.{elsewhere if unknown else ''}"


def without_predictions(run: "Run") -> str:
    """Return why there is nothing to read of a run."""
    why = "Its predictions are not in the record." if run.state == "complete" else failure_of(run)
    return f"#{run.id} {run.name} has no predictions on the test set. {why}"


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
